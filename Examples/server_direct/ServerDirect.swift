// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Answers requests without a broker: it listens, and makes the nodes that responses are sent to.
final class Server: MessagingHandler {
    let url: String
    var senders: [String: Sender] = [:]

    init(_ url: String) {
        self.url = url
    }

    func onStart(_ event: ContainerEvent) throws {
        print("Listening on", url)
        try event.container.listen(url)
    }

    func onLinkOpening(_ event: LinkEvent) {
        guard let sender = event.sender else { return }
        if sender.remoteSource.isDynamic {
            let address = AMQPUUID.random().description
            sender.source.address = address
            senders[address] = sender
        } else if let address = sender.remoteTarget.address {
            senders[address] = sender
        }
    }

    func onMessage(_ event: MessageEvent) throws {
        print("Received", event.message)
        guard let replyTo = event.message.replyTo, let sender = senders[replyTo], sender.credit > 0 else {
            print("No link for reply")
            return
        }
        let body = event.message.body.value.stringValue ?? ""
        try sender.send(
            Message(
                body: body.uppercased(), address: replyTo, correlationID: event.message.correlationID))
    }

    func onLinkClosing(_ event: LinkEvent) {
        senders = senders.filter { $0.value !== event.link }
    }

    func onLinkDetached(_ event: LinkEvent) { onLinkClosing(event) }

    func onConnectionClosing(_ event: ConnectionEvent) {
        senders = senders.filter { $0.value.connection !== event.connection }
    }

    func onDisconnected(_ event: TransportEvent) {
        senders = senders.filter { $0.value.connection !== event.connection }
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server_direct", abstract: "Listen, and answer requests with their text in upper case.")

    @Argument(help: "address to listen on")
    var url = "0.0.0.0:8888"

    func run() throws {
        try Container(Server(url)).run(stoppingOn: .interrupt, .terminate)
    }
}
