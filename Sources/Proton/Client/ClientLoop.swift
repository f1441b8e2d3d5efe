// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// The thread that runs the connections of clients that have no container of their own.
final class ClientLoop: Sendable {
    /// The loop of the process. It is started when it is first needed, and is never stopped.
    static let shared = ClientLoop()

    private let thread = UncheckedMutex<ContainerThread?>(nil)

    /// The container of the thread, which is started if it does not run.
    /// - Throws: `ProtonError.Code.limitExceeded` if the system has no thread or no descriptor left.
    func container() throws -> ContainerHandle {
        try thread.withLock { thread in
            if let thread, !thread.container.core.loop.isStopping { return thread.container }
            let new = try ContainerThread(Container())
            thread = new
            return new.container
        }
    }
}
