// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// The responses that a connection waits for at one node, by the ids of their requests.
final class Responses: LinkTraffic {
    typealias Response = Result<Message, AMQPSendError>

    private struct Pending {
        enum Phase {
            /// The request is on its way.
            case sending
            case waiting(Waiter<Response>)
            case done(Response)
        }

        /// The request's receipt: if the node of the responses is lost, the request is withdrawn.
        let receipt: SendReceipt
        var phase = Phase.sending
        var hasLostNode = false

        /// - Returns: the waiter for the response.
        mutating func finish(_ response: Response) -> Waiter<Response>? {
            switch phase {
            case .sending:
                phase = .done(response)
                return nil
            case .waiting(let waiter):
                phase = .done(response)
                return waiter
            case .done: return nil
            }
        }
    }

    private struct State {
        var pending: [String: Pending] = [:]
        var lastID: UInt64 = 0
        var end: ProtonError?
    }

    private let state = UncheckedMutex(State())
    /// Whether the node outlives a lost connection: pending responses then arrive on the next one.
    private let outlivesConnection: Bool
    private let prefix = AMQPUUID.random().description
    /// How many responses may arrive without further credit: they are settled when they arrive.
    private static let window = 1_000

    init(outlivesConnection: Bool = false) {
        self.outlivesConnection = outlivesConnection
    }

    var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// Responses do not wait: they are handed out when they arrive.
    var waitingCount: Int { 0 }

    /// How many requests wait.
    var count: Int { state.withLock { $0.pending.count } }

    // MARK: For the program

    /// Begins a request. It is withdrawn if the node of the responses is lost before the request is sent.
    /// - Returns: the request's id.
    func begin(_ receipt: SendReceipt) -> String {
        state.withLock { state in
            state.lastID += 1
            let id = "\(prefix):\(state.lastID)"
            state.pending[id] = Pending(receipt: receipt)
            return id
        }
    }

    /// Removes a request: its response is dropped.
    func forget(_ id: String) {
        state.withLock { state in state.pending[id] = nil }
    }

    /// Waits for the response, or for an error that ends the wait.
    func wait(for id: String) async -> Response {
        // The waiter of a cancelled task is kept too: `cancel` ends its wait, or has done so.
        await Proton.wait(0) { waiter, _ in
            register(waiter, for: id)
        } onCancel: { [self] in
            cancel(id)
        }
    }

    private func cancel(_ id: String) {
        guard let receipt = state.withLock({ $0.pending[id]?.receipt }) else { return }
        end(id, receipt, CancellationError())
    }

    /// Ends the wait for a response that cannot arrive: the request is withdrawn, if it is not sent.
    private func end(_ id: String, _ receipt: SendReceipt, _ cause: any Error) {
        finish(id, .failure(receipt.withdraw(cause) ? .notSent(cause) : .inDoubt(cause)))
    }

    /// The request has its outcome, or is not sent: a response follows only if it was accepted.
    func requestEnded(_ id: String, _ result: Result<Outcome, AMQPSendError>) {
        switch result {
        case .success(.accepted): break
        case .success(let outcome): finish(id, .failure(.refused(outcome)))
        case .failure(let error): finish(id, .failure(error))
        }
    }

    /// Blocks the thread until the response has arrived, or an error ends the wait.
    /// - Returns: nil if the deadline has passed.
    func wait(for id: String, until deadline: Deadline) -> Response? {
        waitBlocking(0, until: deadline) { waiter in
            register(waiter, for: id)
        } onTimeout: {
            state.withLock { state in
                guard case .waiting = state.pending[id]?.phase else { return false }
                state.pending[id]?.phase = .sending
                return true
            }
        }
    }

    private func register(_ waiter: Waiter<Response>, for id: String) -> Waiting<Response> {
        state.withLock { state in
            switch state.pending[id]?.phase {
            case .done(let response): return .ready(response)
            case .sending:
                state.pending[id]?.phase = .waiting(waiter)
                return .kept
            case .waiting, nil: return .ready(.failure(.inDoubt(state.end ?? Responses.forgotten)))
            }
        }
    }

    /// Whether the request was not sent before the node of its response was lost.
    func isTakenBack(_ id: String) -> Bool {
        state.withLock { state in
            guard let pending = state.pending[id], pending.hasLostNode else { return false }
            return if case .failure(.notSent)? = pending.receipt.decided { true } else { false }
        }
    }

    private static let forgotten = ProtonError(.closed, "Nobody waits for the response any more.")

    /// Ends the wait for a response.
    func finish(_ id: String, _ response: Response) {
        state.withLock { $0.pending[id]?.finish(response) }?.resume(response)
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
            delivery.acceptIfUndecided()
            if let id = message.correlationID?.stringValue { finish(id, .success(message)) }
        } catch {
            let condition = Condition(.decodeError, "\(error.error)")
            delivery.settle(.rejected(condition))
            // Its request is unknown, but if only one request waits, it is that one.
            let ids = state.withLock { Array($0.pending.keys) }
            guard ids.count == 1, let id = ids.first else { return }
            let error = ProtonError(
                .protocolViolation, "The response is not valid AMQP, and was rejected: \(error.error)",
                condition: condition, underlyingError: error.error)
            finish(id, .failure(.inDoubt(error)))
        }
    }

    // MARK: Ends

    func interrupted(_ error: ProtonError) {
        if !outlivesConnection { finishAll(error) }
    }

    private func finishAll(_ error: ProtonError) {
        let receipts: [String: SendReceipt] = state.withLock { state in
            for id in state.pending.keys { state.pending[id]?.hasLostNode = true }
            return state.pending.mapValues(\.receipt)
        }
        for (id, receipt) in receipts { end(id, receipt, error) }
    }

    func closing(_ link: Link) {}

    func ended(_ error: ProtonError) {
        state.withLock { $0.end = error }
        finishAll(error)
    }
}
