// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_server",
        abstract: "Listen, and answer requests with their text in upper case: no broker is needed."
    )

    @Option(name: .shortAndLong, help: "where to listen, and the address that requests are sent to")
    var address = "localhost:5672/examples"

    func run() async throws {
        let url = try AMQPURL(address)
        try await AMQPServer(url.hostAndPort).withListener { listener in
            print("Listening on", url)
            try await untilStopped {
                await listener.serve(url.path ?? "examples") { request in
                    print("Received", request)
                    return Message(body: (request.body.value.stringValue ?? "").uppercased())
                }
            }
        }
    }
}
