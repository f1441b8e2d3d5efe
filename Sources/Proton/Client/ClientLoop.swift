// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// The thread that clients' connections run on: one for all of the process, or one of a client's own.
final class ClientLoop: Sendable {
    /// That of clients that want none of their own. It is started when it is first needed, and stays.
    static let shared = ClientLoop()

    private let thread = UncheckedMutex<ContainerThread?>(nil)

    /// The container of the thread, started where it does not run.
    /// - Throws: `ProtonError.Code.limitExceeded` where the system has no thread, or no descriptor, left.
    func container() throws -> ContainerHandle {
        try thread.withLock { thread in
            if let thread, !thread.container.core.loop.isStopping { return thread.container }
            let new = try ContainerThread(Container())
            thread = new
            return new.container
        }
    }
}
