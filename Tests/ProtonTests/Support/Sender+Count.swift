// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

@testable import Proton

extension Sender {
    /// A number that a test keeps with the link.
    var attachedCount: Counter {
        if let counter = attachment as? Counter { return counter }
        let counter = Counter()
        attachment = counter
        return counter
    }
}
