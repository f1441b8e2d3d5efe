// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

extension WorkQueue {
    /// Where the connection stands, which decides who runs the items.
    enum Place {
        /// With the thread that made it: items wait.
        case held
        /// In no proactor, before it is connected or between two connections: the owner has items run.
        case parked
        /// In a proactor, which answers `pn_connection_wake`.
        case attached
        /// With a driver in the place of a proactor: whoever has that runs the items, and is told where that is a loop.
        case driven(wake: (@Sendable () -> Void)?)
        /// Over, for good: jobs run on the global executor.
        case closed
    }

    /// What happens to the connection when the domain is left.
    package enum Move {
        /// It goes into a proactor, by the closure.
        case attach(OpaquePointer, () -> Void)
        /// It gets a driver, by the second closure, of a loop that is told of items by the first.
        case drive(@Sendable () -> Void, () -> Void)
        /// It stays out of any proactor.
        case park
        /// It is over: the closure lets go of proton's objects.
        case close(() -> Void)
    }
}
