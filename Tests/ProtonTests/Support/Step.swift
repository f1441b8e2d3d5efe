// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// Something that one thread waits for another one to do.
final class Step: Sendable {
    private let isDone = Monitor(false)

    func done() { isDone.withLock { $0 = true } }

    /// Waits until it is done, for ten seconds at most.
    func wait() throws {
        let isDone: Void? = isDone.wait(until: Deadline(after: .seconds(10))) { $0 ? () : nil }
        if isDone == nil { throw TestError("The other side has not come that far.") }
    }
}
