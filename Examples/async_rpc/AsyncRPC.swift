// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ExampleSignals
import Proton

@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "async_rpc", abstract: "Send requests to the supplied address and print responses, or answer them."
    )

    @Option(name: .shortAndLong, help: "address to which requests are sent")
    var address = "localhost:5672/examples"

    @Flag(help: "answer requests with their text in upper case")
    var serve = false

    @Argument(help: "what to send; four lines of a poem where nothing is given")
    var requests = [
        "Twas brillig, and the slithy toves", "Did gire and gymble in the wabe.",
        "All mimsy were the borogroves,", "And the mome raths outgrabe.",
    ]

    func run() async throws {
        let url = try AMQPURL(address)
        if serve {
            print("Listening on", url)
            let options = ConnectionOptions(reconnect: Backoff(maxTries: 6, maxTime: .seconds(10)))
            try await AMQPClient(address, options: options).withConnection { connection in
                try await untilStopped { try await answer(url.path, on: connection) }
            }
        } else {
            let options = ConnectionOptions(reconnect: nil)
            try await AMQPClient(address, options: options).withConnection { connection in
                try await untilStopped { [requests] in try await ask(requests, url.path ?? "", on: connection) }
            }
        }
    }
}

/// Sends all requests at once, and prints the responses in the order of their requests.
private func ask(_ requests: [String], _ address: String, on connection: AMQPConnection) async throws {
    let responses = try await withThrowingTaskGroup(of: (Int, Message).self) { group in
        for (index, request) in requests.enumerated() {
            group.addTask { (index, try await connection.request(Message(body: request), to: address)) }
        }
        return try await group.reduce(into: [Int: Message]()) { $0[$1.0] = $1.1 }
    }
    for (index, request) in requests.enumerated() {
        if let response = responses[index] { print("\(request) => \(response.body)") }
    }
}

/// Answers requests, several at once, until the task is cancelled.
private func answer(_ address: String?, on connection: AMQPConnection) async throws {
    try await connection.serve(address) { request in
        print("Received", request)
        return Message(body: (request.body.value.stringValue ?? "").uppercased())
    }
}
