// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonTesting
import Testing

@testable import store_writer

/// A broker with a store that is killed under load.
@Suite(.serialized) struct BrokerCrashTests {
    /// What the clients of all rounds have seen of one queue.
    private struct Ledger {
        /// How many messages were sent; a message is its number.
        var sent: UInt64 = 0
        /// The messages that the broker has accepted.
        var accepted: Set<UInt64> = []
        /// How often each message has come.
        var received: [UInt64: Int] = [:]
        /// The messages that came for the first time, in the order in which they came.
        var order: [UInt64] = []
        /// The messages that a broker before may not have been told of that they are done with.
        var inDoubt: Set<UInt64> = []
        /// What came again without a doubt.
        var doubled: [UInt64] = []
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 3])
    func nothingAcceptedIsLost(threads: Int) async throws {
        let seed = UInt64(Date().timeIntervalSince1970 * 1_000)
        let ledger = try await onThread {
            let folder = try Folder()
            var random = SplitMix(state: seed)
            var ledger = Ledger()
            for _ in 0..<25 {
                let broker = try CrashBroker(folder, threads: threads)
                let load = Load(port: broker.port, ledger: ledger, until: 50 + Int(random.next(below: 1_500))) {
                    broker.program.kill()
                }
                ledger = try load.run()
            }
            let broker = try CrashBroker(folder, threads: threads)
            return try Load(port: broker.port, ledger: ledger, until: nil) {}.run()
        }
        let comment: Comment = "seed \(seed)"
        #expect(ledger.accepted.count > 1_000, comment)
        #expect(ledger.accepted.subtracting(ledger.received.keys).isEmpty, "\(comment): accepted, and never came")
        #expect(ledger.doubled.isEmpty, "\(comment): came again though the broker knew that it was done with")
        #expect(ledger.order == ledger.order.sorted(), comment)
    }

    /// A sender and a receiver of numbered durable messages, until so many events have been, or the queue is empty.
    private final class Load: MessagingHandler {
        let options = HandlerOptions(prefetch: 0, autoAccepts: false)
        private let port: Int
        private var ledger: Ledger
        /// How many events there are to be; nil drains the queue instead.
        private var rest: Int?
        private let kill: () -> Void
        /// What was sent and has no answer: its number, and how many messages were settled by then, and how many of these
        /// had been told to the broker.
        private var unanswered: [Delivery: (number: UInt64, settled: Int, told: Int)] = [:]
        /// What was settled on this connection.
        private var settled: [UInt64] = []
        /// How many of these the broker has been told of: proton tells it after the messages that are sent meanwhile, but
        /// before any answer to those comes.
        private var told = 0
        /// How many of these the broker has written.
        private var certain = 0
        private var connection: Connection?

        init(port: Int, ledger: Ledger, until count: Int?, kill: @escaping () -> Void) {
            (self.port, self.ledger, rest, self.kill) = (port, ledger, count, kill)
        }

        func run() throws -> Ledger {
            let container = try Container(self, options: ConnectionOptions(reconnect: nil))
            do {
                try container.run()
            } catch let error as ProtonError where rest == 0 && error.code != .timedOut {
                // The broker was killed.
            }
            return ledger
        }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect("127.0.0.1:\(port)")
            event.container.schedule(after: .seconds(60)) { [unowned self] in
                let links = connection.links.map { "\($0.isSender ? "sender" : "receiver") credit \($0.credit)" }
                throw ProtonError(
                    .timedOut,
                    """
                    A round of load does not end: \(rest.map { "\($0)" } ?? "all") to go, \(unanswered.count) unanswered, \
                    \(settled.count) settled, \(links.joined(separator: ", "))
                    """)
            }
            self.connection = connection
            if rest != nil { try event.container.createSender(connection, "queue") }
            let receiver = try event.container.createReceiver(connection, "queue")
            if rest == nil { try receiver.drain(1_000_000) } else { try receiver.flow(100) }
        }

        /// Something has happened; the last thing that does is that the broker is killed.
        private func count() {
            guard let count = rest, count > 0 else { return }
            rest = count - 1
            if count == 1 { kill() }
        }

        func onSendable(_ event: SenderEvent) throws {
            while event.sender.credit > 0, unanswered.count < 256, rest ?? 0 > 0 { try send(event.sender) }
        }

        private func send(_ sender: Sender) throws {
            let delivery = try sender.send(Message(body: .value(.ulong(ledger.sent)), isDurable: true))
            unanswered[delivery] = (ledger.sent, settled.count, told)
            ledger.sent += 1
        }

        func onAccepted(_ event: DeliveryEvent) throws {
            if let message = unanswered.removeValue(forKey: event.delivery) {
                ledger.accepted.insert(message.number)
                told = max(told, message.settled)
                // The message came to the broker after these, and is on disk: so is that they are done with.
                for number in settled[min(certain, message.told)..<message.told] { ledger.inDoubt.remove(number) }
                certain = max(certain, message.told)
            }
            count()
            if let sender = event.delivery.link as? Sender, sender.credit > 0, rest ?? 0 > 0 { try send(sender) }
        }

        func onMessage(_ event: MessageEvent) throws {
            guard case .value(.ulong(let number)) = event.message.body else { return }
            if ledger.received[number] == nil {
                ledger.order.append(number)
            } else if !ledger.inDoubt.contains(number) {
                ledger.doubled.append(number)
            }
            ledger.received[number, default: 0] += 1
            ledger.inDoubt.insert(number)
            settled.append(number)
            event.delivery.settle(.accepted)
            if rest != nil { try event.receiver.flow(1) }
            count()
        }

        func onLinkFlow(_ event: LinkEvent) {
            if rest == nil, let receiver = event.link as? Receiver, !receiver.isDraining { connection?.close() }
        }

        func onConnectionClosed(_ event: ConnectionEvent) { event.container.stop() }
        func onDisconnected(_ event: TransportEvent) { event.container.stop() }
    }
}

#endif
