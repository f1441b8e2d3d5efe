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
}
