// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine
import ProtonUtilities

extension AMQPListener {
    /// Answers the requests that peers send to an address here, without a broker.
    ///
    /// It returns when the listener is closed, when the task is cancelled, or, after `finishReceiving`, when the pending requests
    /// are answered.
    ///
    ///     try await AMQPServer("0.0.0.0:5672").withListener { listener in
    ///         await listener.serve("upper") { Message(body: "\($0.body)".uppercased()) }
    ///     }
    ///
    /// Peers attach a sender to the address, and a receiver for the responses. The receiver has a dynamic node, whose address
    /// they write into their requests, as `AMQPConnection.request` and the examples of the other bindings do, or an address of
    /// its own. Links to other nodes are refused. Requests are handled as by `AMQPConnection.serve`, except that a request is
    /// accepted when its response is handed over: a peer may wait for that before it takes responses. A request whose reply
    /// address has no receiving link on its connection is rejected with `amqp:not-found`.
    /// - Parameters:
    ///   - address: the address that requests arrive at.
    ///   - concurrency: how many requests of all peers are answered at a time: at least 1. Default 16.
    ///   - body: creates the response to a request.
    public func serve(
        _ address: String, concurrency: Int = 16,
        _ body: @escaping @Sendable (_ request: Message) async throws -> Message?
    ) async {
        let permits = Permits(Swift.max(1, concurrency))
        await withDiscardingTaskGroup { group in
            for await request in self {
                group.addTask {
                    // The peer may have disconnected already.
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
                        // If the peer's link ends with an error, that concerns only the peer.
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

/// The sending links of a connection for responses, by their addresses.
private final class ReplySenders: Sendable {
    private struct State {
        var senders: [String: AMQPSender] = [:]
        /// The last message on each link, before which all others are sent.
        var last: [String: SendReceipt] = [:]
        /// The number of senders at which those that have ended are removed.
        var bound = 64
    }

    private let state = UncheckedMutex(State())

    subscript(address: String) -> AMQPSender? {
        state.withLock { $0.senders[address] }
    }

    /// Records the last message to an address.
    func note(_ receipt: SendReceipt, to address: String) {
        state.withLock { $0.last[address] = receipt }
    }

    /// Waits until the peer has settled the last messages, for at most the close time-out, or until the task is cancelled.
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
            // Released without the lock.
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
