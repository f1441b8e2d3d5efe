// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension Feature {
    /// The program `amqp`, by which people manage a broker.
    static let manageProgram: [Feature] = [
        Feature("amqp manage: a queue is declared, shown, purged and deleted", needed: [.rabbitMQ4, .swift]) { peer in
            let name = peer.newName()
            func amqp(_ arguments: String...) throws -> String { try amqp(arguments) }
            func amqp(_ arguments: [String]) throws -> String {
                try Program.run(
                    [Program.ours("amqp"), "manage"] + arguments + [
                        "--url", "amqp://\(peer.address)", "--timeout", "5s",
                    ])
            }
            let attribute = peer == .rabbitMQ4 ? "x-max-length=10" : "maxMessages=10"
            let declared = try amqp("declare", name, attribute, "-o", "json")
            try require(declared.contains("\"name\":\"\(name)\""), "declare writes \(declared)")
            let address = peer == .rabbitMQ4 ? RabbitMQAddress.queue(name) : name
            let sender = try peer.connect().createSender(address)
            for number in 1...3 { try sender.send(Message(body: .value(.long(Int64(number))))) }
            let shown = try amqp("show", name)
            try require(shown.contains(name), "show writes \(shown)")
            try require(try amqp("purge", name, "--force") == "3\n", "purge does not write 3")
            try require(try amqp("delete", name, "--force") == "", "delete writes something")
            for command in [["show"], ["purge", "--force"], ["delete", "--force"]] {
                do {
                    let text = try amqp(command + [name])
                    throw Lacking("\(command[0]) of a queue that is not there writes \(text)")
                } catch let error as Lacking {
                    // RabbitMQ 4 has another status where there is nothing to purge.
                    let isSaid = ["404", "400"].contains { error.description.contains("status \($0)") }
                    try require(isSaid, error.description)
                }
            }
            return ""
        }
    ]
}
