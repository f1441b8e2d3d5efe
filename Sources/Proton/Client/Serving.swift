// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// Answers requests: a limited number at a time, from any number of receivers.
struct Serving: Sendable {
    let body: @Sendable (Message) async throws -> Message?
    let permits: Permits
    /// How many requests may be here: twice the number that are answered at a time, so that none waits for a round trip.
    let window: Int
    /// Whether a request is accepted when the peer has accepted its response, rather than when the response is handed over.
    ///
    /// It is false without a broker: a peer that accepts responses only when its requests are accepted would wait for itself.
    let waitsForResponses: Bool
    /// The sender to a request's reply address.
    let sender: @Sendable (_ address: String) throws -> AMQPSender
    /// Is called for a response that was handed over, if the request does not wait for its outcome.
    let sent: @Sendable (_ address: String, _ receipt: SendReceipt) -> Void
    /// Logs a warning about an error that is not thrown to the program.
    let log: @Sendable (String) -> Void

    init(
        concurrency: Int, permits: Permits? = nil, waitsForResponses: Bool = true,
        _ body: @escaping @Sendable (Message) async throws -> Message?,
        sender: @escaping @Sendable (String) throws -> AMQPSender,
        sent: @escaping @Sendable (String, SendReceipt) -> Void = { _, _ in },
        log: @escaping @Sendable (String) -> Void
    ) {
        let most = max(1, concurrency)
        (self.body, self.sender, self.sent, self.log) = (body, sender, sent, log)
        self.waitsForResponses = waitsForResponses
        (self.permits, window) = (permits ?? Permits(most), 2 * most)
    }

    /// Answers the requests of a receiver, until it ends or the task is cancelled.
    /// - Throws: the error that ended the receiver.
    func run(_ receiver: AMQPReceiver) async throws {
        await withDiscardingTaskGroup { group in
            while let delivery = await next(receiver) {
                guard await permits.take() else {
                    delivery.release()
                    break
                }
                group.addTask {
                    await answer(delivery)
                    permits.releasePermit()
                }
            }
        }
        if let error = receiver.shared.incoming.endError, error.code != .closed, !Task.isCancelled { throw error }
    }

    /// The next request; one that is not valid AMQP was rejected, and the loop continues.
    private func next(_ receiver: AMQPReceiver) async -> AMQPDelivery? {
        while true {
            do {
                return try await receiver.next()
            } catch {
                guard receiver.shared.incoming.endError == nil else { return nil }
                log("\(error)")
            }
        }
    }

    /// Creates the response, and sends it if the request has a reply address.
    private func respond(to request: Message) async throws {
        guard var response = try await body(request), let address = request.replyTo else { return }
        response.correlationID = request.correlationID ?? request.id
        response.address = address
        let (answer, sender) = (response, try sender(address))
        guard waitsForResponses else {
            guard let receipt = try sender.trySend(answer) else {
                throw Delivery.Reject(Condition(.resourceLimitExceeded, "Too many responses wait for credit."))
            }
            return sent(address, receipt)
        }
        // In a task of its own: the response is sent also if this task is cancelled meanwhile.
        _ = try await Task { try await sender.send(answer, timeout: .seconds(30)) }.value
    }

    private func answer(_ delivery: AMQPDelivery) async {
        let request = delivery.message
        do {
            try await delivery.process { try await respond(to: request) }
            delivery.accept()
        } catch let rejection as Delivery.Reject {
            delivery.reject(rejection.condition)
        } catch is Delivery.Release, is CancellationError {
            delivery.release()
        } catch let error as AMQPSendError {
            log("A response was not taken: \(error)")
            // The requester has most likely ended: another attempt would fail too.
            delivery.reject(Condition(.internalError, "The response was not taken."))
        } catch {
            log("A request was not answered: \(error)")
            delivery.reject(Condition(.internalError, "The request could not be answered."))
        }
    }
}

/// A number of permits that tasks take and return.
final class Permits: Sendable {
    private struct State {
        var count: Int
        var waiters: [Waiter<Bool>] = []
        var lastID: UInt64 = 0
    }

    private let state: UncheckedMutex<State>

    init(_ count: Int) {
        state = UncheckedMutex(State(count: count))
    }

    /// Takes a permit, and waits for one if none is left.
    /// - Returns: false if the task is cancelled.
    func take() async -> Bool {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await wait(id) { waiter, isCancelled in
            state.withLock { state in
                if isCancelled { return .ready(false) }
                if state.count > 0 {
                    state.count -= 1
                    return .ready(true)
                }
                state.waiters.append(waiter)
                return .kept
            }
        } onCancel: { [self] in
            let waiter = state.withLock { state in
                state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
            }
            waiter?.resume(false)
        }
    }

    /// Gives a permit to the task that has waited longest.
    func releasePermit() {
        let waiter: Waiter<Bool>? = state.withLock { state in
            if state.waiters.isEmpty {
                state.count += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        waiter?.resume(true)
    }
}
