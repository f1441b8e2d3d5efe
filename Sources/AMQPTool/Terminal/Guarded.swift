// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// A value that one task at a time looks at.
package final class Guarded<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    package init(_ value: Value) { self.value = Mutex(value) }

    package func use<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try value.withLock { value in try body(&value) }
    }
}
