// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A `Mutex` for state with values that are not `Sendable`, such as proton's pointers.
///
/// `@unchecked Sendable`: the state is accessed under the lock only; the caller is responsible for any reference that leaves a
/// critical section.
///
/// Public, because the compiler does not inline package symbols across modules, and a lock is taken for every message.
public final class UncheckedMutex<State>: @unchecked Sendable {
    @usableFromInline let lock = Mutex<Void>(())
    // The lock makes accesses exclusive; the check at run time would cost more than the lock.
    @exclusivity(unchecked) @usableFromInline var state: State

    @inlinable public init(_ state: State) {
        self.state = state
    }

    /// Runs `body` with the state, holding the lock.
    @inlinable @inline(__always)
    public func withLock<Result, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try lock.withLock { _ throws(Failure) in try body(&state) }
    }
}

/// Assigns a new value to a variable and returns the old one.
@inlinable @inline(__always)
public func exchange<Value>(_ variable: inout Value, with value: Value) -> Value {
    let old = variable
    variable = value
    return old
}
