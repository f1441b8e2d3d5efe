// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import ProtonTesting
import TestPrograms
import Testing

/// Links and outcomes against Debian's Python binding: what each side sets arrives at the other.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct PythonLinkTests {
    /// Runs a Python program that connects to a listener of ours, whose port is its first argument.
    /// - Returns: the lines that it has printed.
    private static func run(_ program: String, _ handler: Scripted) throws -> [String] {
        var python: TestProgram?
        let container = try Container(handler, options: .once)
        handler.on("onStart") { (event: ContainerEvent) in
            let listener = try event.container.listen("127.0.0.1:0")
            guard let port = listener.port else { throw TestError("The listener has no port.") }
            python = try TestProgram(["/usr/bin/python3", "-c", program, "127.0.0.1:\(port)"])
            handler.on("onConnectionBound") { (_: ConnectionEvent) in listener.close() }
        }
        defer { handler.forget() }
        try container.run()
        guard let python else { throw TestError("The container has not started.") }
        return try python.readToGoodEnd().split(separator: "\n").map(String.init)
    }

    private static let head = """
        import sys
        from proton import *
        from proton.handlers import MessagingHandler
        from proton.reactor import *

        """

    @Test func whatPythonsReceiverOptionsSet() async throws {
        let (lines, seen) = try await onThread {
            let handler = Scripted("server")
            var seen: [String] = []
            handler.on("onLinkOpening") { (event: LinkEvent) in
                let source = event.link.remoteSource
                seen = [
                    "\(source.address ?? "none")", "\(source.filter)", "\(source.distributionMode)",
                    "\(source.durability)", "\(source.expiryPolicy)", "\(source.properties)",
                ]
                event.link.source.capabilities = ["queue"]
            }
            let lines = try Self.run(
                Self.head + """
                    class Client(MessagingHandler):
                        def on_start(self, event):
                            connection = event.container.connect(sys.argv[1], reconnect=False)
                            event.container.create_receiver(connection, "q", options=[
                                Selector("colour = 'green'"), Copy(), DurableSubscription(),
                                DynamicNodeProperties({"p": 1})])
                        def on_link_opened(self, event):
                            source = event.link.remote_source
                            source.filter.rewind(); source.filter.next()
                            print(source.filter.get_dict())
                            source.capabilities.rewind(); source.capabilities.next()
                            print(source.capabilities.get_object())
                            event.connection.close()
                    Container(Client()).run()
                    """, handler)
            return (lines, seen)
        }
        #expect(
            seen == [
                "q", "\([.symbol("selector"): LinkOptionTests.green] as AMQPMap)", "copy", "unsettledState", "never",
                "\([.symbol("p"): .long(1)] as AMQPMap)",
            ])
        #expect(lines.first?.contains("apache.org:selector-filter:string") == true && lines.count == 2)
        #expect(lines.last?.contains("queue") == true)
    }

    @Test func outcomesArriveAtPython() async throws {
        let states: [DeliveryState] = [
            .accepted, .released, .rejected(Condition("a:b", "bad", info: [.symbol("k"): 1])),
            .modified(deliveryFailed: true, undeliverableHere: true, annotations: ["x": 1]),
            .transactional(id: [65, 66], outcome: .accepted),
        ]
        let lines = try await onThread {
            let handler = Scripted("server")
            var count = 0
            handler.on("onMessage") { (event: MessageEvent) in
                event.delivery.settle(states[count])
                count += 1
            }
            return try Self.run(
                Self.head + """
                    class Client(MessagingHandler):
                        sent = 0
                        settled = 0
                        def on_start(self, event):
                            connection = event.container.connect(sys.argv[1], reconnect=False)
                            event.container.create_sender(connection, "q")
                        def on_sendable(self, event):
                            if self.sent == self.settled and self.sent < 5:
                                event.sender.send(Message(self.sent))
                                self.sent += 1
                        def on_settled(self, event):
                            r = event.delivery.remote
                            c = r.condition
                            print(int(r.type), r.failed, r.undeliverable, r.annotations, r.data if r.type == 0x34 else None,
                                  c and (c.name, c.description, c.info))
                            self.settled += 1
                            if self.settled == 5:
                                event.connection.close()
                            else:
                                event.sender.send(Message(self.sent))
                                self.sent += 1
                    Container(Client()).run()
                    """, handler)
        }
        #expect(
            lines == [
                "36 False False None None None", "38 False False None None None",
                "37 False False None None ('a:b', 'bad', {symbol('k'): 1})",
                "39 True True {symbol('x'): 1} None None",
                "52 False False None [b'AB', Described(ulong(36), [])] None",
            ])
    }

    @Test func outcomesArriveFromPython() async throws {
        let states = try await onThread {
            let handler = Scripted("server")
            var states: [DeliveryState?] = []
            var sent = 0
            handler.on("onSendable") { (event: SenderEvent) in
                while event.sender.credit > 0, sent < 5 {
                    try event.sender.send(Message(body: sent))
                    sent += 1
                }
            }
            handler.on("onSettled") { (event: DeliveryEvent) in
                states.append(event.delivery.remoteState)
                if states.count == 5 { event.connection.close() }
            }
            _ = try Self.run(
                Self.head + """
                    class Client(MessagingHandler):
                        def __init__(self):
                            super().__init__(prefetch=5, auto_accept=False)
                        def on_start(self, event):
                            connection = event.container.connect(sys.argv[1], reconnect=False)
                            event.container.create_receiver(connection, "q")
                        def on_message(self, event):
                            d = event.delivery
                            local = d.local
                            kinds = [Delivery.ACCEPTED, Delivery.RELEASED, Delivery.REJECTED, Delivery.MODIFIED, 0x34]
                            n = event.message.body
                            if n == 2:
                                local.condition = Condition("a:b", "bad")
                            elif n == 3:
                                local.failed = True
                                local.undeliverable = True
                                local.annotations = {symbol("x"): 1}
                            elif n == 4:
                                local.data = [b"AB", Described(ulong(0x24), [])]
                            d.update(kinds[n])
                            d.settle()
                    Container(Client()).run()
                    """, handler)
            return states
        }
        // Python's engine may put outcomes together, and send them in another order.
        #expect(
            Set(states) == [
                .accepted, .released, .rejected(Condition("a:b", "bad")),
                .modified(deliveryFailed: true, undeliverableHere: true, annotations: ["x": .long(1)]),
                .transactional(id: [65, 66], outcome: .accepted),
            ])
    }

    @Test func pythonsStreamAndDrain() async throws {
        let (lines, body) = try await onThread {
            let handler = Scripted("server")
            var taken: [UInt8] = []
            handler.on("onDelivery") { (event: DeliveryEvent) in
                guard event.delivery.link.isReceiver else { return }
                taken += event.delivery.takePart()
                if event.delivery.isConsumed { event.delivery.accept() }
            }
            handler.on("onSendable") { (event: SenderEvent) in
                if event.sender.isDraining { try event.sender.send(Message(body: "drained")) }
            }
            // A callback that a test has is no default: that gives the credit back.
            handler.on("onSenderDrainStart") { (event: SenderEvent) in event.sender.drained() }
            let lines = try Self.run(
                Self.head + """
                    class Client(MessagingHandler):
                        def __init__(self):
                            super().__init__(prefetch=0)
                        def on_start(self, event):
                            connection = event.container.connect(sys.argv[1], reconnect=False)
                            self.receiver = event.container.create_receiver(connection, "q")
                            event.container.create_sender(connection, "q")
                        def on_sendable(self, event):
                            s = event.sender
                            if s.current is None and s.unsettled == 0:
                                s.delivery("tag")
                                for i in range(100):
                                    s.stream(b"x" * 10000)
                                s.advance()
                        def on_accepted(self, event):
                            print("accepted")
                            self.receiver.drain(5)
                        def on_message(self, event):
                            print(event.message.body)
                        def on_link_flow(self, event):
                            if event.link.is_receiver and not event.link.draining() and event.link.queued == 0:
                                print("credit", event.link.credit)
                                event.connection.close()
                    Container(Client()).run()
                    """, handler)
            return (lines, taken)
        }
        #expect(body == [UInt8](repeating: UInt8(ascii: "x"), count: 1_000_000))
        #expect(lines == ["accepted", "drained", "credit 0"])
    }
}
