// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of PortingFromCPlusPlus.md, compiled: each as it is in the article, in what it needs around it.
enum PortingFromCPlusPlusSnippets {
    struct SeeAWholeProgram {
        final class HelloWorld: MessagingHandler {
            let url: String
            let address: String

            init(_ url: String, _ address: String) { (self.url, self.address) = (url, address) }

            func onStart(_ event: ContainerEvent) throws {
                try event.container.connect(url)
            }

            func onConnectionOpened(_ event: ConnectionEvent) throws {
                try event.container.createReceiver(event.connection, address)
                try event.container.createSender(event.connection, address)
            }

            func onSendable(_ event: SenderEvent) throws {
                try event.sender.send(Message(body: "Hello World!"))
                event.sender.close()
            }

            func onMessage(_ event: MessageEvent) {
                print(event.message.body)
                event.connection.close()
            }
        }

        func helloWorld() throws {
            let options = ConnectionOptions(reconnect: nil)
            try Container(HelloWorld("127.0.0.1:5672", "examples"), options: options).run()
        }
    }

    /// The lines of the tables, in one place so that they compile.
    struct Tables {
        final class Handler: MessagingHandler {}
        final class Shared: MessagingHandler, Sendable {}

        func container(_ container: Container, _ handler: Handler, _ url: String) throws {
            _ = try Container(handler, id: "id")
            _ = try ContainerThread(Container(Shared()))
            try Container().run(threads: 4, handler: Shared())
            container.handle.stop()
            try container.connect()
            try container.connect(url, handler: handler)
            let connection = try container.connect(url, options: ConnectionOptions(reconnect: nil))
            try container.createSender(url)
            try container.createReceiver(url)
            let session = try connection.makeSession()
            session.open()
            try container.createSender(session, "q")
            let listener = try container.listen(url, options: ConnectionOptions()) { Handler() }
            _ = listener.port
            listener.close()
            _ = container.schedule(after: .milliseconds(1_500)) {}
            try connection.setNextTry(urls: [url]) { $0.user = "u" }
            connection.workQueue.schedule(after: .seconds(1)) { connection in connection.close() }
        }

        func options(_ wait: Duration) -> ConnectionOptions {
            var options = ConnectionOptions(
                user: "u", password: "p", allowedMechanisms: ["PLAIN"], usesSASL: true,
                allowsInsecureMechanisms: .everywhere, virtualHost: "v", containerID: "c", heartbeat: .seconds(15),
                maxFrameSize: 2_468, offeredCapabilities: ["a"], desiredCapabilities: ["b"], properties: ["c": 1],
                reconnect: Backoff(initial: wait, factor: 2, max: .seconds(10), maxTries: 6))
            options.limits.maxSessions = 10
            return options
        }

        func links(_ container: Container, _ connection: Connection, _ handler: Handler, _ map: AMQPMap) throws {
            _ = HandlerOptions(prefetch: 0, autoSettles: false)
            try container.createSender(connection, "q", name: "n", handler: handler, options: .atMostOnce)
            try container.createSender(connection, nil)
            try container.createSender(connection, "q", options: .target { $0.capabilities = ["queue"] })
            try container.createReceiver(connection, isDynamic: true)
            try container.createReceiver(connection, "q", options: .filter(map), .selector("colour = 'green'"), .copy)
            try container.createReceiver(
                connection, "q", options: .source { $0.durability = .unsettledState }, .dynamicNodeProperties(map))
        }

        func deliveries(_ sender: Sender, _ receiver: Receiver, _ message: Message) throws {
            let delivery = try sender.send(message)
            sender.drained()
            try receiver.flow(10)
            try receiver.drain()
            delivery.reject()
            delivery.release(delivered: false)
            _ = (delivery.remoteState, delivery.isSettled)
            sender.close(Condition("a:b", "why"))
            _ = (sender.remoteCondition, sender.remoteSource.address)
        }

        func messages(_ bytes: [UInt8], _ list: [AMQPValue]) throws -> Message {
            var message = Message(id: 1, body: "text")
            message.body = .init(5)
            (message.address, message.replyTo, message.correlationID, message.contentType) = ("q", "a", 1, "t")
            (message.isDurable, message.timeToLive, message.priority) = (true, .seconds(1), 9)
            message.properties["a"] = 1
            _ = (message.annotations, message.deliveryAnnotations)
            _ = (Message(body: .data(bytes)), Message(body: .sequence(list)))
            _ = (message.body.value.stringValue, message.body.value.intValue)
            return try Message(decoding: message.encoded())
        }
    }
}
