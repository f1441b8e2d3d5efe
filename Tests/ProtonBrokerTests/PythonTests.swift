// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker
import TestPrograms
import Testing

/// The example programs of the Python binding for transactions, selectors and browsing, through the broker.
struct PythonTests {
    @Test func sendsAndReceivesInTransactions() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let url = "\(broker.address)/examples"
        let sender = try Python("tx_send", broker, "-a", url, "-m", "20", "-b", "5")
        #expect(try sender.readToEnd() == "all messages committed\n")
        let receiver = try Python("tx_recv", broker, "-a", url, "-m", "20", "-b", "5")
        #expect(try receiver.readToEnd() == (1...20).map { "{'sequence': \($0)}\n" }.joined())
        #expect(try broker.takeAll(from: "examples").isEmpty)
    }

    @Test func abortsAndCommitsAsItIsTold() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        try broker.send("a", "b", to: "examples")
        let program = try Python("tx_recv_interactive", broker)
        try program.read(until: "transaction declared\n")
        for (commands, end) in [(["fetch", "fetch"], "abort"), (["fetch"], "commit"), (["fetch"], "commit")] {
            for (number, command) in commands.enumerated() {
                program.write(command)
                try program.read(until: number == 0 && commands.count == 2 ? "a\n" : "\n")
            }
            program.write(end)
            try program.read(until: end == "abort" ? "aborted\n" : "committed\n")
            try program.read(until: "transaction declared\n")
        }
        #expect(program.text.contains("a\nb\ntransaction aborted\ntransaction declared\na\ntransaction committed\n"))
        program.end()
        #expect(try broker.takeAll(from: "examples").isEmpty)
    }

    @Test func answersRequestsInTransactions() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let server = try Python("server_tx", broker)
        defer { server.end() }
        #expect(try Python("client", broker).readToEnd().contains("TWAS BRILLIG, AND THE SLITHY TOVES\n"))
        for _ in 0..<4 { try server.read(until: "Request processed successfully\n") }
    }

    @Test func selectsAndBrowses() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let receiver = try Python("selected_recv", broker, "-m", "50")
        #expect(try Python("colour_send", broker).readToEnd() == "all messages confirmed\n")
        let text = try receiver.readToEnd()
        #expect(text.split(separator: "\n").allSatisfy { $0.hasPrefix("green ") })
        #expect(text.hasPrefix("green 1\n") && text.hasSuffix("green 99\n"))
        #expect(try Python("queue_browser", broker).readToEnd().hasPrefix("Message("))
        #expect(try broker.takeAll(from: "examples").count == 50)
    }

    @Test func aDurableSubscriberTakesItsLinkOver() throws {
        let broker = try Broker.start()
        defer { broker.stop() }
        let first = try Python(program: PythonTests.subscriber, broker, "keep")
        defer { first.end() }
        try first.read(until: "attached\n")
        try broker.send("a", "b", to: "topic/a")
        try first.read(until: "a\nb\n")
        // The first one neither settles them nor goes.
        let second = try Python(program: PythonTests.subscriber, broker, "take")
        #expect(try second.readToEnd() == "attached\na\nb\n")
        try first.read(until: "amqp:link:stolen\n")
    }

    /// A durable subscriber that prints two messages, and then accepts them and ends, or keeps them.
    private static let subscriber = """
        import sys
        from proton.handlers import MessagingHandler
        from proton.reactor import Container, DurableSubscription

        class Subscriber(MessagingHandler):
            def __init__(self):
                super().__init__(auto_accept=False)
                self.kept = []

            def on_start(self, event):
                connection = event.container.connect(sys.argv[1], reconnect=False)
                event.container.create_receiver(connection, 'topic/a', name='mine', options=DurableSubscription())

            def on_link_opened(self, event):
                print('attached')

            def on_message(self, event):
                print(event.message.body)
                self.kept.append(event.delivery)
                if sys.argv[2] == 'take' and len(self.kept) == 2:
                    for delivery in self.kept:
                        self.accept(delivery)
                    event.connection.close()

            def on_link_remote_detach(self, event):
                print(event.link.remote_condition.name)

        handler = Subscriber()
        handler.container = Container(handler)
        handler.container.container_id = 'python'
        handler.container.run()
        """
}

/// A program of the binding that runs against a broker.
private final class Python {
    private let program: TestProgram

    /// Starts one of its examples. Most have the address of the broker written in them.
    convenience init(_ name: String, _ broker: Broker, _ arguments: String...) throws {
        let program = """
            import sys
            path, address = sys.argv[1:3]
            del sys.argv[1:3]
            exec(compile(open(path).read().replace('localhost:5672', address), path, 'exec'))
            """
        let path = "/usr/share/proton/examples/python/\(name).py"
        try self.init(["-u", "-c", program, path, broker.address] + arguments)
    }

    /// Starts a program of a test's own, whose first argument is the address of the broker.
    convenience init(program: String, _ broker: Broker, _ arguments: String...) throws {
        try self.init(["-u", "-c", program, broker.address] + arguments)
    }

    private init(_ arguments: [String]) throws {
        program = try TestProgram(["/usr/bin/python3"] + arguments, input: .open)
    }

    /// What has been read of what it has written.
    var text: String { program.text }

    func write(_ line: String) { program.write(line + "\n") }

    /// Reads on until it has written something.
    func read(until wanted: String) throws { try program.read(until: wanted) }

    /// Reads to its end, which has to be a good one.
    func readToEnd() throws -> String { try program.readToGoodEnd() }

    /// Ends it.
    func end() { program.end() }
}
