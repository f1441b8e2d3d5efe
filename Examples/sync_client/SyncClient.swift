// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// The client of requests and responses (RPC), one step after the other; `server` and `server_direct` answer.
@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sync_client", abstract: "Send requests to the supplied address and print responses.")

    @Option(name: .shortAndLong, help: "address to which messages are sent")
    var address = "localhost:5672/examples"

    @Option(name: .shortAndLong, help: "seconds after which to give up")
    var timeout = 5.0

    func validate() throws {
        guard timeout > 0 else { throw ValidationError("--timeout: give a number of seconds above 0.") }
    }

    func run() throws {
        let requests = [
            "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.",
            "All mimsy were the borogroves,", "And the mome raths outgrabe.",
        ]
        let url = try AMQPURL(address)
        let connection = try BlockingConnection(url, timeout: .seconds(timeout))
        let client = try SyncRequestResponse(connection, url.path)
        for request in requests {
            let response = try client.call(Message(body: request))
            print("\(request) => \(response.body)")
        }
        try connection.close()
    }
}
