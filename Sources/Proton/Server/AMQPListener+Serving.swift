// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

extension AMQPListener {
    /// Answers the requests that peers send to an address here, without a broker, until the listener is closed or the task is
    /// cancelled, or until what has come is answered after `finishReceiving`.
    ///
    ///     try await AMQPServer("0.0.0.0:5672").withListener { listener in
    ///         await listener.serve("upper") { Message(body: "\($0.body)".uppercased()) }
    ///     }
    ///
    /// Peers attach a sender to the address, and a receiver that responses go to: one from a dynamic node, whose address they
    /// write into their requests, as `AMQPConnection.request` does and the other bindings' examples do, or one from an address of
    /// their own. Links to other nodes are refused. What becomes of a request is as of `AMQPConnection.serve`, but that
    /// it is accepted once its response is on its way: a peer may wait for that before it takes responses. One whose
    /// reply address no link of its connection receives from is rejected with `amqp:not-found`.
    /// - Parameters:
    ///   - address: where requests come to.
    ///   - concurrency: how many requests are answered at once, of all peers: at least 1. Default 16.
    ///   - body: makes the response of a request.
    public func serve(
        _ address: String, concurrency: Int = 16,
        _ body: @escaping @Sendable (_ request: Message) async throws -> Message?
    ) async {
        let permits = Permits(Swift.max(1, concurrency))
        await withDiscardingTaskGroup { group in
            for await request in self {
                group.addTask {
                    // A peer that is gone again has nothing to be told.
                    guard let connection = try? await request.accept() else { return }
                    let senders = ReplySenders()
                    let serving = Serving(
                        concurrency: concurrency, permits: permits, waitsForResponses: false, body
                    ) { address in
                        guard let sender = senders[address] else {
                            throw Delivery.Reject(Condition(.notFound, "No link receives from the reply address."))
                        }
                        return sender
                    } sent: { address, receipt in
                        senders.note(receipt, to: address)
                    } log: { [core = connection.core] in
                        core.log($0)
                    }
                    await AMQPListener.serve(address, on: connection, senders, serving)
                    await senders.finish(on: connection.core)
                    await connection.close()
                }
            }
            if !isFinishing { group.cancelAll() }
        }
    }

    private static func serve(
        _ address: String, on connection: AMQPConnection, _ senders: ReplySenders, _ serving: Serving
    ) async {
        await withDiscardingTaskGroup { group in
            for await request in connection.linkRequests {
                switch request {
                case .sender(let request) where request.address == address:
                    guard let receiver = try? request.accept(window: serving.window) else { continue }
                    group.addTask {
                        // Why the peer's link has ended is the peer's own affair.
                        try? await serving.run(receiver)
                    }
                case .receiver(let request) where request.attach.source.isDynamic || request.address != address:
                    if let sender = try? request.accept() { senders.add(sender) }
                default:
                    request.refuse(Condition(.notFound, "There is no such node here."))
                }
            }
        }
    }
}

/// The links of a connection that responses go out on, by their addresses.
private final class ReplySenders: Sendable {
    private struct State {
        var senders: [String: AMQPSender] = [:]
        /// What was sent last on each, before which all else is sent.
        var last: [String: SendReceipt] = [:]
        /// From how many on those that have ended are looked for.
        var bound = 64
    }

    private let state = UncheckedMutex(State())

    subscript(address: String) -> AMQPSender? {
        state.withLock { $0.senders[address] }
    }

    /// Notes what is on its way to an address.
    func note(_ receipt: SendReceipt, to address: String) {
        state.withLock { $0.last[address] = receipt }
    }

    /// Waits until the peer has taken what is on its way, for the close time-out at most, or until the task is cancelled.
    func finish(on connection: ClientConnection) async {
        let receipts = state.withLock { Array($0.last.values) }
        guard !receipts.isEmpty else { return }
        let waiting = Task {
            for receipt in receipts { _ = try? await receipt.outcome }
        }
        let timer = connection.afterCloseTimeout { waiting.cancel() }
        await withTaskCancellationHandler {
            await waiting.value
        } onCancel: {
            waiting.cancel()
        }
        timer?.cancel()
    }

    func add(_ sender: AMQPSender) {
        guard let address = sender.address else { return }
        let gone = state.withLock { state in
            // Let go of without the lock.
            var gone = [state.senders.updateValue(sender, forKey: address)]
            if state.senders.count >= state.bound {
                for (address, sender) in state.senders where sender.hasEnded {
                    gone.append(state.senders.removeValue(forKey: address))
                    state.last[address] = nil
                }
                state.bound = max(64, 2 * state.senders.count)
            }
            return gone
        }
        withExtendedLifetime(gone) {}
    }
}
