// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
package import ProtonUtilities

/// A signal that asks a program to end.
public struct StopSignal: Sendable, Hashable {
    let number: Int32

    /// Control-C: SIGINT.
    public static let interrupt = StopSignal(number: SIGINT)
    /// The signal that `kill` and service managers send: SIGTERM.
    public static let terminate = StopSignal(number: SIGTERM)
}

extension SignalWatch {
    /// Waits for the first of some signals; after that each of them ends the process at once, as it would by default.
    package convenience init(_ signals: [StopSignal], _ action: @escaping @Sendable () -> Void) {
        self.init(first: signals.map(\.number), action)
    }
}
