import AMQP
import ProtonEngine
import ProtonUtilities

/// The responses that an `AMQPConnection` waits for, by the ids of their requests.
final class Responses: LinkTraffic {
    typealias Response = Result<Message, AMQPSendError>

    private enum Pending {
        /// The request is on its way.
        case sending
        case waiting(Waiter<Response>)
        case done(Response)
    }

    private struct State {
        var pending: [String: Pending] = [:]
        var lastID: UInt64 = 0
        var end: ProtonError?
    }

    private let state = UncheckedMutex(State())
    private let prefix = AMQPUUID.random().description
    /// How many responses may come ahead: they are settled as they come.
    private static let window = 1_000

    var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// Responses wait for nobody: they are handed out as they come.
    var waitingCount: Int { 0 }

    /// How many requests wait.
    var count: Int { state.withLock { $0.pending.count } }

    // MARK: For the program

    /// Begins a request.
    /// - Returns: the request's id.
    func begin() -> String {
        state.withLock { state in
            state.lastID += 1
            let id = "\(prefix):\(state.lastID)"
            state.pending[id] = .sending
            return id
        }
    }

    /// Nobody wants the response any more.
    func forget(_ id: String) {
        state.withLock { state in state.pending[id] = nil }
    }

    /// Waits for the response, or for what ends the wait.
    func wait(for id: String) async -> Response {
        await Proton.wait(0) { waiter, isCancelled in
            state.withLock { state in
                switch state.pending[id] {
                case .done(let response): return .ready(response)
                case .sending where isCancelled: return .ready(.failure(.inDoubt(CancellationError())))
                case .sending:
                    state.pending[id] = .waiting(waiter)
                    return .kept
                case .waiting, nil: return .ready(.failure(.inDoubt(state.end ?? Responses.forgotten)))
                }
            }
        } onCancel: { [self] in
            finish(id, .failure(.inDoubt(CancellationError())))
        }
    }

    private static let forgotten = ProtonError(.closed, "Nobody waits for the response any more.")

    /// Ends the wait for a response.
    func finish(_ id: String, _ response: Response) {
        let waiter: Waiter<Response>? = state.withLock { state in
            switch state.pending[id] {
            case .waiting(let waiter):
                state.pending[id] = .done(response)
                return waiter
            case .sending: state.pending[id] = .done(response)
            case .done, nil: break
            }
            return nil
        }
        waiter?.resume(response)
    }

    // MARK: In the domain

    func attached(_ link: Link) { topUp(link) }

    private func topUp(_ link: Link) {
        guard let receiver = link as? Receiver, receiver.isLocalOpen, receiver.credit <= Responses.window / 2 else {
            return
        }
        receiver.grant(Responses.window - receiver.credit)
    }

    func flow(_ link: Link) {}

    func arrived(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete: take(delivery)
        case .aborted: delivery.settle()
        case .settled, .updated, .incomplete, .nothing: break
        }
        topUp(delivery.link)
    }

    private func take(_ delivery: Delivery) {
        do {
            let message = try delivery.takeMessage()
            delivery.acceptWhereUndecided()
            if let id = message.correlationID?.stringValue { finish(id, .success(message)) }
        } catch {
            delivery.settle(.rejected(Condition(.decodeError, "\(error.error)")))
        }
    }

    // MARK: Ends

    func interrupted(_ error: ProtonError) {
        let waiters: [Waiter<Response>] = state.withLock { state in
            state.pending.compactMap { id, pending in
                if case .done = pending { return nil }
                state.pending[id] = .done(.failure(.inDoubt(error)))
                return if case .waiting(let waiter) = pending { waiter } else { nil }
            }
        }
        for waiter in waiters { waiter.resume(.failure(.inDoubt(error))) }
    }

    func closing(_ link: Link) {}

    func ended(_ error: ProtonError) {
        state.withLock { $0.end = error }
        interrupted(error)
    }
}
