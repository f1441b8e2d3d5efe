// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Lines that several threads write.
final class SharedLog: Sendable {
    private let state = Mutex<[String]>([])

    var lines: [String] { state.withLock { $0 } }

    func note(_ line: String) {
        state.withLock { $0.append(line) }
    }
}
