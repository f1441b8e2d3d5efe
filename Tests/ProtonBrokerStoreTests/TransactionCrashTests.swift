// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonTesting
import Testing

@testable import store_writer

/// A broker that is killed while transactions move messages from one queue to another.
///
/// A transaction is one group of the store: after any kill each message is in exactly one of the two queues, whether or not
/// its client has heard of the commit. What it has heard of is in the second.
@Suite(.serialized) struct TransactionCrashTests {
    private static let messageCount: UInt64 = 4_000

    @Test(.timeLimit(.minutes(5)), arguments: [1, 3])
    func noTransactionIsHalfDone(threads: Int) async throws {
        let seed = UInt64(Date().timeIntervalSince1970 * 1_000)
        try await onThread {
            let folder = try Folder()
            var random = SplitMix(state: seed)
            let filling = try CrashBroker(folder, threads: threads)
            try Filling(port: filling.port, until: Int(Self.messageCount), kill: filling.program.kill).run()
            var committed: Set<UInt64> = []
            for round in 0..<15 {
                let broker = try CrashBroker(folder, threads: threads)
                let mover = Mover(
                    port: broker.port, until: 1 + random.next(below: 400), seed: random.next(),
                    kill: broker.program.kill)
                try mover.run()
                committed.formUnion(mover.committed)
                let found = try numbers(in: folder)
                let (from, to) = (found["from"] ?? [], found["to"] ?? [])
                let comment: Comment = "seed \(seed), round \(round)"
                #expect((from + to).sorted() == Array(0..<Self.messageCount), comment)
                #expect(committed.subtracting(to).isEmpty, "\(comment): what was committed is not there")
            }
            #expect(committed.count > 100, "seed \(seed)")
        }
    }

    /// Sends all messages to the first queue.
    private final class Filling: CrashClient {
        private var sent: UInt64 = 0

        override func begin(_ container: Container, _ connection: Connection) throws {
            try container.createSender(connection, "from")
        }

        override func onSendable(_ event: SenderEvent) throws {
            while event.sender.credit > 0, sent < messageCount {
                try event.sender.send(numbered(sent))
                sent += 1
            }
        }

        override func onAccepted(_ event: DeliveryEvent) { count() }
    }

    /// Moves messages, a few in a transaction, with some transactions open at once; some of them are rolled back.
    private final class Mover: CrashClient {
        /// A transaction that is about to end.
        private struct Move {
            let numbers: [UInt64]
            /// What came of the first queue, and is not settled.
            let deliveries: [Delivery]
            let isRolledBack: Bool
        }

        /// What a message to the coordinator asked for.
        private enum Request {
            case declare
            case discharge(Move)
        }

        private static let openCount = 4

        /// The messages of transactions that were committed, as the broker has said.
        private(set) var committed: Set<UInt64> = []
        private var random: SplitMix
        private var coordinator: Sender?
        private var sender: Sender?
        private var receiver: Receiver?
        private var requests: [Delivery: Request] = [:]
        /// Transactions that have nothing to move yet.
        private var idle: [[UInt8]] = []
        private var waiting: [(number: UInt64, delivery: Delivery)] = []

        init(port: Int, until count: Int, seed: UInt64, kill: @escaping () -> Void) {
            random = SplitMix(state: seed)
            super.init(port: port, until: count, kill: kill)
        }

        override var description: String {
            """
            \(super.description), \(requests.count) requests, \(idle.count) idle, \(waiting.count) messages wait, \
            credit \(sender?.credit ?? -1)
            """
        }

        override func begin(_ container: Container, _ connection: Connection) throws {
            sender = try container.createSender(connection, "to")
            receiver = try container.createReceiver(connection, "from")
            try receiver?.flow(20)
            coordinator = try container.createSender(connection, nil, options: .target { $0.kind = .coordinator })
        }

        override func onSendable(_ event: SenderEvent) throws {
            guard event.sender === coordinator else { return try move() }
            while requests.isEmpty || requests.count + idle.count < Self.openCount { try declare() }
        }

        private func request(_ code: UInt64, _ fields: [AMQPValue], _ request: Request) throws {
            let body = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
            guard let coordinator else { return }
            requests[try coordinator.send(Message(body: .value(body)))] = request
        }

        private func declare() throws { try request(0x31, [], .declare) }

        override func onMessage(_ event: MessageEvent) throws {
            guard case .value(.ulong(let number)) = event.message.body else { return }
            waiting.append((number, event.delivery))
            count()
            try move()
        }

        /// Gives transactions that have nothing to move what there is.
        private func move() throws {
            while !idle.isEmpty, !waiting.isEmpty, let sender, !isOver {
                let batch = waiting.prefix(1 + random.next(below: 3))
                guard sender.credit >= batch.count else { return }
                waiting.removeFirst(batch.count)
                let id = idle.removeFirst()
                let settles = random.next(below: 2) == 0
                for (number, delivery) in batch {
                    try sender.send(numbered(number), state: .transactional(id: id))
                    delivery.update(.transactional(id: id, outcome: .accepted))
                    if settles { delivery.settle() }
                }
                let isRolledBack = random.next(below: 8) == 0
                let move = Move(
                    numbers: batch.map(\.number), deliveries: settles ? [] : batch.map(\.delivery),
                    isRolledBack: isRolledBack)
                try request(0x32, [.binary(id), .boolean(isRolledBack)], .discharge(move))
                // What is on its way to the broker, or not.
                if random.next(below: 8) == 0 { count() }
            }
        }

        override func onSettled(_ event: DeliveryEvent) throws {
            guard !isOver, let request = requests.removeValue(forKey: event.delivery) else { return }
            switch (request, event.delivery.remoteState) {
            case (.declare, .declared(let id)?): idle.append(id)
            case (.discharge(let move), .outcome(.accepted)?):
                for delivery in move.deliveries { delivery.settle(.outcome(move.isRolledBack ? .released : .accepted)) }
                if !move.isRolledBack { committed.formUnion(move.numbers) }
                try receiver?.flow(move.numbers.count)
                try declare()
            default:
                throw ProtonError(.linkError, "A transaction went wrong: \(event.delivery.remoteState as Any)")
            }
            count()
            try move()
        }
    }
}

#endif
