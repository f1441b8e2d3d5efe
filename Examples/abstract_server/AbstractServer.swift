// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Answers each request with its text in capitals.
final class Application: Server {
    override func onRequest(_ request: String, _ replyTo: String) throws {
        try send(request.uppercased(), to: replyTo)
        print("Request from: \(replyTo)")
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abstract_server", abstract: "Answer requests in capitals.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Argument(help: "the queue of requests")
    var address = "examples"

    func run() throws {
        try Application(server, address).run()
    }
}
