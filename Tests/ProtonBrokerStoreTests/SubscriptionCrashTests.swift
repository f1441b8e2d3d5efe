// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonTesting
import Testing

@testable import store_writer

/// A broker that is killed while durable subscriptions come and go, and get messages.
@Suite(.serialized) struct SubscriptionCrashTests {
    /// What the clients of all rounds have seen.
    private struct Ledger {
        /// How many messages were published.
        var sent: UInt64 = 0
        /// The messages that the broker has accepted.
        var accepted: Set<UInt64> = []
        /// How many subscriptions were asked for.
        var asked = 0
        /// The subscriptions that the broker has said to be there, by name, with the first message that came after.
        var begun: [String: UInt64] = [:]
        /// Those of them whose end was asked for, which may be there or not.
        var ending: Set<String> = []
        /// Those that the broker has said to be over.
        var ended: Set<String> = []
    }

    @Test(.timeLimit(.minutes(5)), arguments: [1, 3])
    func subscriptionsKeepWhatWasAcceptedAndEndForGood(threads: Int) async throws {
        let seed = UInt64(Date().timeIntervalSince1970 * 1_000)
        try await onThread {
            let folder = try Folder()
            var random = SplitMix(state: seed)
            var ledger = Ledger()
            for round in 0..<10 {
                let broker = try CrashBroker(folder, threads: threads)
                let load = Load(
                    ledger, port: broker.port, until: 1 + random.next(below: 300), seed: random.next(),
                    kill: broker.program.kill)
                try load.run(containerID: "me")
                ledger = load.ledger
                try check(ledger, numbers(in: folder), "seed \(seed), round \(round)")
            }
            #expect(ledger.accepted.count > 100 && ledger.ended.count > 5, "seed \(seed)")
        }
    }

    private func check(_ ledger: Ledger, _ found: [String: [UInt64]], _ comment: Comment) throws {
        for name in ledger.ended { #expect(found["me/\(name)"] == nil, "\(comment): \(name) has come back") }
        for (name, first) in ledger.begun where !ledger.ending.contains(name) {
            let messages = try #require(found["me/\(name)"], "\(comment): \(name) is not there")
            let missing = ledger.accepted.filter { $0 >= first }.subtracting(messages)
            #expect(missing.isEmpty, "\(comment): \(name) has lost \(missing.count) messages")
            #expect(messages == messages.sorted() && Set(messages).count == messages.count, comment)
        }
    }

    /// Publishes, subscribes now and then, and unsubscribes again from most of it.
    private final class Load: CrashClient {
        private(set) var ledger: Ledger
        private var random: SplitMix
        private var unanswered: [Delivery: UInt64] = [:]

        init(_ ledger: Ledger, port: Int, until count: Int, seed: UInt64, kill: @escaping () -> Void) {
            self.ledger = ledger
            random = SplitMix(state: seed)
            super.init(port: port, until: count, kill: kill)
        }

        override var description: String {
            "\(super.description), \(unanswered.count) unanswered, \(ledger.asked) subscriptions"
        }

        override func begin(_ container: Container, _ connection: Connection) throws {
            try container.createSender(connection, "topic/a")
            try subscribe()
        }

        private func subscribe() throws {
            guard let connection else { return }
            let receiver = try connection.session().makeReceiver(name: "subscription-\(ledger.asked)")
            ledger.asked += 1
            receiver.source.address = "topic/a"
            LinkOption.durableSubscription.apply(to: receiver)
            receiver.open()
        }

        override func onSendable(_ event: SenderEvent) throws { try publish(event.sender) }

        private func publish(_ sender: Sender) throws {
            while !isOver, sender.credit > 0, unanswered.count < 64 {
                unanswered[try sender.send(numbered(ledger.sent))] = ledger.sent
                ledger.sent += 1
            }
        }

        override func onAccepted(_ event: DeliveryEvent) throws {
            // What the broker has sent before it was killed is read after that.
            guard let number = unanswered.removeValue(forKey: event.delivery) else { return }
            ledger.accepted.insert(number)
            count()
            guard !isOver else { return }
            if random.next(below: 8) == 0 { try subscribe() }
            if let sender = event.delivery.link as? Sender { try publish(sender) }
        }

        override func onLinkOpened(_ event: LinkEvent) {
            guard event.link.isReceiver else { return }
            ledger.begun[event.link.name] = ledger.sent
            // Few stay, since each gets all that follows.
            if random.next(below: 8) != 0 {
                ledger.ending.insert(event.link.name)
                event.link.close()
            }
            count()
        }

        override func onLinkClosed(_ event: LinkEvent) {
            guard event.link.isReceiver else { return }
            ledger.ended.insert(event.link.name)
            count()
        }
    }
}

#endif
