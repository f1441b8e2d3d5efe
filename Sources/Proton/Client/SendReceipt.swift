// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities
import Synchronization

/// A message that was handed to a sender, whose outcome can be waited for at any time; made by `AMQPSender.submit`.
public final class SendReceipt: Sendable {
    /// Most are accepted, which takes no more memory than a word: an outcome in general is a large value.
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
        /// What instruments want to be told with; taken out as the message is decided.
        var observer: Observer?
    }

    /// Is told what became of the message.
    typealias Observer = @Sendable (Result<Outcome, AMQPSendError>) -> Void

    private let state = UncheckedMutex(State())

    /// How many messages were taken back, of all senders: those that wait somewhere are looked for where this has changed.
    static let withdrawalCount = Atomic(0)

    init() {}

    /// What the peer made of the message, waiting for it; of a message that is sent settled it is accepted once it is sent.
    ///
    /// A task that is cancelled while it waits gets `AMQPSendError.inDoubt`: the message is sent all the same.
    public var outcome: Outcome {
        get async throws { try await result(withdraws: false).get() }
    }

    /// Takes the message back, where it has not been sent.
    /// - Returns: whether it was; whoever waits for its outcome gets `AMQPSendError.notSent` then.
    @discardableResult
    public func cancel() -> Bool {
        withdraw(CancellationError())
    }

    // MARK: For the sender

    /// Has an observer told what becomes of the message, once: at once where that is known. There may be several.
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

    /// What became of the message, where that is known.
    var decided: Result<Outcome, AMQPSendError>? {
        state.withLock { $0.phase.result }
    }

    /// Whether the message was sent settled: the peer says nothing of it.
    var isSentSettled: Bool { state.withLock { $0.isSentSettled } }

    /// Blocks the thread until the outcome is known.
    /// - Returns: nil where the time is over: the message is as it was.
    func result(until deadline: Deadline) -> Result<Outcome, AMQPSendError>? {
        let id = state.withLock { $0.waiters.nextID() }
        return waitBlocking(id, until: deadline) { waiter in
            state.withLock { state in
                if let result = state.phase.result { return .ready(result) }
                state.waiters.add(waiter)
                return .kept
            }
        } onTimeout: {
            state.withLock { $0.waiters.takeOut(id) != nil }
        }
    }

    /// Waits for the outcome.
    /// - Parameter withdraws: whether the end of the waiting task takes the message back, where it is not sent.
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
        // Whoever cancels a task may have come too early to find the waiter.
        if isCancelled, withdraws { withdraw(CancellationError()) }
        return state.withLock { state in
            if let result = state.phase.result { return .ready(result) }
            if isCancelled { return .ready(.failure(.inDoubt(CancellationError()))) }
            state.waiters.add(waiter)
            return .kept
        }
    }

    /// A waiting task is cancelled, and the message is on its way.
    private func leave(_ id: UInt64) {
        let waiter = state.withLock { $0.waiters.takeOut(id) }
        waiter?.resume(.failure(.inDoubt(CancellationError())))
    }

    /// Whether the message is still to be sent: from now on it is sent. Called in the connection's domain.
    func beginSending() -> Bool {
        state.withLock { state in
            guard case .waiting = state.phase else { return false }
            state.phase = .sent
            return true
        }
    }

    /// Takes the message back for a reason, where it has not been sent.
    @discardableResult
    func withdraw(_ cause: any Error) -> Bool {
        let isWithdrawn = end(.failure(.notSent(cause))) { if case .waiting = $0 { true } else { false } }
        if isWithdrawn { SendReceipt.withdrawalCount.add(1, ordering: .releasing) }
        return isWithdrawn
    }

    /// Time is up: the message is taken back, or in doubt.
    func expire(_ cause: any Error) {
        if !withdraw(cause) { decide(.failure(.inDoubt(cause))) }
    }

    /// The message was sent settled: it counts as accepted.
    func decideAsSentSettled() {
        state.withLock { $0.isSentSettled = true }
        decide(.success(.accepted))
    }

    /// Says what became of the message, once.
    func decide(_ result: Result<Outcome, AMQPSendError>) {
        end(result) { $0.result == nil }
    }

    /// Decides the message, and tells those who wait, where its phase allows that.
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
