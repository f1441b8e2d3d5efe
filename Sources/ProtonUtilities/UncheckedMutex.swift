// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A `Mutex` for state that holds what is not `Sendable`, such as proton's pointers.
///
/// `@unchecked Sendable`: the state is reached under the lock only; what leaves a critical section is for its caller
/// to answer for.
///
/// Public, since the compiler inlines nothing across modules that is of package level: a lock is taken for every message.
public final class UncheckedMutex<State>: @unchecked Sendable {
    @usableFromInline let lock = Mutex<Void>(())
    // The lock makes accesses exclusive: to check that again at run time costs more than the lock.
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

/// Puts a new value in a variable's place and returns the old one.
@inlinable @inline(__always)
public func exchange<Value>(_ variable: inout Value, with value: Value) -> Value {
    let old = variable
    variable = value
    return old
}
