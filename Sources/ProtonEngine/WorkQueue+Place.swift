// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

extension WorkQueue {
    /// The place of the connection, which determines the thread that runs the items.
    enum Place {
        /// On the thread that created it: items wait.
        case held
        /// In no proactor, before it is connected or between two transports: the owner makes a thread run the items.
        case parked
        /// In a proactor, which answers `pn_connection_wake`.
        case attached
        /// In a driver instead of a proactor: the driver's thread runs the items, and `wake` notifies its loop, if there is one.
        case driven(wake: (@Sendable () -> Void)?)
        /// Ended: jobs run on the global executor.
        case closed
    }

    /// The change of place when the domain is left.
    package enum Move {
        /// To a proactor, which the closure passes the connection to.
        case attach(OpaquePointer, () -> Void)
        /// To a driver, which the second closure creates, in a loop that the first closure notifies of items.
        case drive(@Sendable () -> Void, () -> Void)
        /// To no proactor.
        case park
        /// The connection ends: the closure releases proton's objects.
        case close(() -> Void)
    }
}
