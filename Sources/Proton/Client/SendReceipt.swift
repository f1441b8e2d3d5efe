// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// The receipt of a message that was handed to a sender, for its outcome; created by `AMQPSender.submit`.
public final class SendReceipt: Sendable {
    /// Most messages are accepted, which fits into one word: other outcomes are large values.
    private enum Phase {
        case waiting
        case sent
        case accepted
        case decided(Decision)

        init(_ result: Result<Outcome, AMQPSendError>) {
            if case .success(.accepted) = result { self = .accepted } else { self = .decided(Decision(result)) }
        }

        var result: Result<Outcome, AMQPSendError>? {
            switch self {
            case .waiting, .sent: nil
            case .accepted: .success(.accepted)
            case .decided(let decision): decision.result
            }
        }
    }

    private final class Decision: Sendable {
        let result: Result<Outcome, AMQPSendError>
        init(_ result: Result<Outcome, AMQPSendError>) { self.result = result }
    }

    private struct State {
        var phase = Phase.waiting
        var isSentSettled = false
        var waiters = Waiters<Result<Outcome, AMQPSendError>>()
        /// The function that reports to instruments; removed when the message is decided.
        var observer: Observer?
    }

    /// Is called with the result of the message.
    typealias Observer = @Sendable (Result<Outcome, AMQPSendError>) -> Void

    private let state = UncheckedMutex(State())

    /// How many messages of all senders were withdrawn: waiting messages are searched for them when this has changed.
    static let withdrawalCount = Atomic(0)

    init() {}

    /// The outcome of the message, which it waits for; a message that is sent settled counts as accepted when it is sent.
    ///
    /// A task that is cancelled while it waits gets `AMQPSendError.inDoubt`: the message is still sent.
    public var outcome: Outcome {
        get async throws { try await result(withdraws: false).get() }
    }

    /// Withdraws the message, if it has not been sent.
    /// - Returns: whether it was withdrawn; the tasks that wait for its outcome then get `AMQPSendError.notSent`.
    @discardableResult
    public func cancel() -> Bool {
        withdraw(CancellationError())
    }

    // MARK: For the sender

    /// Adds an observer that is called once with the result: at once if that is known. There may be several observers.
    func observe(_ observer: @escaping Observer) {
        let decided: Result<Outcome, AMQPSendError>? = state.withLock { state in
            if let result = state.phase.result { return result }
            if let first = state.observer {
                state.observer = { result in
                    first(result)
                    observer(result)
                }
            } else {
                state.observer = observer
            }
            return nil
        }
        if let decided { observer(decided) }
    }

    /// The result of the message, if it is known.
    var decided: Result<Outcome, AMQPSendError>? {
        state.withLock { $0.phase.result }
    }

    /// Whether the message was sent settled: the peer sends no disposition.
    var isSentSettled: Bool { state.withLock { $0.isSentSettled } }

    /// Blocks the thread until the outcome is known.
    /// - Returns: nil if the deadline has passed: the message stays as it is.
    func result(until deadline: Deadline) -> Result<Outcome, AMQPSendError>? {
        let id = state.withLock { $0.waiters.nextID() }
        return waitBlocking(id, until: deadline) { waiter in
            state.withLock { state in
                if let result = state.phase.result { return .ready(result) }
                state.waiters.add(waiter)
                return .kept
            }
        } onTimeout: {
            state.withLock { $0.waiters.removeWaiter(id) != nil }
        }
    }

    /// Waits for the outcome.
    /// - Parameter withdraws: whether a cancelled task withdraws the message, if it is not sent.
    func result(withdraws: Bool) async -> Result<Outcome, AMQPSendError> {
        let (known, id) = state.withLock { state in
            let known = state.phase.result
            return (known, known == nil ? state.waiters.nextID() : 0)
        }
        if let known { return known }
        return await wait(id) { waiter, isCancelled in
            register(waiter, isCancelled: isCancelled, withdraws: withdraws)
        } onCancel: { [self] in
            if !(withdraws && withdraw(CancellationError())) { leave(id) }
        }
    }

    private func register(
        _ waiter: Waiter<Result<Outcome, AMQPSendError>>, isCancelled: Bool, withdraws: Bool
    ) -> Waiting<Result<Outcome, AMQPSendError>> {
        // The cancellation handler may have run before the waiter was kept.
        if isCancelled, withdraws { withdraw(CancellationError()) }
        return state.withLock { state in
            if let result = state.phase.result { return .ready(result) }
            if isCancelled { return .ready(.failure(.inDoubt(CancellationError()))) }
            state.waiters.add(waiter)
            return .kept
        }
    }

    /// A waiting task is cancelled after the message was sent.
    private func leave(_ id: UInt64) {
        let waiter = state.withLock { $0.waiters.removeWaiter(id) }
        waiter?.resume(.failure(.inDoubt(CancellationError())))
    }

    /// Marks the message as sent, unless it was decided before. Called in the connection's domain.
    func beginSending() -> Bool {
        state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .sent
            return true
        }
    }

    /// Withdraws the message with an error, if it has not been sent.
    @discardableResult
    func withdraw(_ cause: any Error) -> Bool {
        let isWithdrawn = end(.failure(.notSent(cause))) { if case .waiting = $0 { true } else { false } }
        if isWithdrawn { SendReceipt.withdrawalCount.add(1, ordering: .releasing) }
        return isWithdrawn
    }

    /// The time-out has expired: the message is withdrawn, or in doubt.
    func expire(_ cause: any Error) {
        if !withdraw(cause) { decide(.failure(.inDoubt(cause))) }
    }

    /// The message was sent settled: it counts as accepted.
    func decideAsSentSettled() {
        state.withLock { $0.isSentSettled = true }
        decide(.success(.accepted))
    }

    /// Decides the message, once.
    func decide(_ result: Result<Outcome, AMQPSendError>) {
        end(result) { $0.result == nil }
    }

    /// Decides the message, and resumes the waiters, if its phase allows that.
    /// - Returns: whether it did.
    @discardableResult @inline(__always)
    private func end(_ result: Result<Outcome, AMQPSendError>, where isAllowed: (Phase) -> Bool) -> Bool {
        let told: (Waiters<Result<Outcome, AMQPSendError>>, Observer?)? = state.withLock { state in
            guard isAllowed(state.phase) else { return nil }
            state.phase = Phase(result)
            return (state.waiters.takeAll(), state.observer.take())
        }
        guard let (waiters, observer) = told else { return false }
        observer?(result)
        waiters.resume(result)
        return true
    }
}
