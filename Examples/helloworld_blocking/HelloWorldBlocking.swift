// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends a greeting to a broker and receives it from there, one step after the other.
@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "helloworld_blocking", abstract: "Send a message to a broker and receive it from there.")

    @Argument(help: "broker to connect to")
    var server = "localhost:5672"

    @Argument(help: "node to send the message to")
    var address = "examples"

    func run() throws {
        let connection = try BlockingConnection(server)
        let receiver = try connection.createReceiver(address)
        let sender = try connection.createSender(address)
        try sender.send(Message(body: "Hello World!"))
        let message = try receiver.receive(timeout: .seconds(30))
        print(message.body)
        try receiver.accept()
        try connection.close()
    }
}
