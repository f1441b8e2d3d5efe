// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Handles the events of one connection, and closes it.
final class ConnectionHandler: MessagingHandler {
    func onConnectionOpened(_ event: ConnectionEvent) {
        print("connection events going to ConnectionHandler")
        let transport = event.transport
        print("the peer takes frames of up to \(transport?.remoteMaxFrameSize ?? 0) bytes")
        print("the peer's container id: \(event.connection.remoteContainerID ?? "")")
        event.connection.close()
    }
}

/// Handles everything that no other handler does.
final class MainHandler: MessagingHandler {
    let url: String

    init(_ url: String) {
        self.url = url
    }

    func onStart(_ event: ContainerEvent) throws {
        // These options count for this connection, in place of the container's.
        var options = event.container.connectionOptions
        options.limits.maxFrameSize = 2_468
        options.properties = ["product": "connection_options"]
        try event.container.connect(url, handler: ConnectionHandler(), options: options)
    }

    func onConnectionOpened(_ event: ConnectionEvent) {
        print("unexpected connection event on the main handler")
        event.connection.close()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection_options", abstract: "Connect with options of one's own.")

    @Argument(help: "where to connect to")
    var url = "127.0.0.1:5672/examples"

    func run() throws {
        // The options of all connections of this container that are given none of their own.
        let options = ConnectionOptions(heartbeat: .seconds(15), maxFrameSize: 12_345, reconnect: nil)
        try Container(MainHandler(url), options: options).run(stoppingOn: .interrupt, .terminate)
    }
}
