// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Listens, and sends as many messages as there are, while there is credit; tells what credit it sees.
final class FlowSender: MessagingHandler {
    let log: (String) -> Void
    /// How many messages there are to send.
    var available = 0
    private var sequence = 0
    private var listener: Listener?

    init(log: @escaping (String) -> Void) {
        self.log = log
    }

    func onStart(_ event: ContainerEvent) throws {
        let listener = try event.container.listen("127.0.0.1:0")
        let receiver = FlowReceiver(self, log: log)
        let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", handler: receiver)
        try event.container.createReceiver(connection, "flow_example")
        self.listener = listener
    }

    func onConnectionClosing(_ event: ConnectionEvent) {
        listener?.close()
    }

    func onSendable(_ event: SenderEvent) throws {
        log("sender: sendable with credit \(event.sender.credit) and \(available) messages")
        try send(event.sender)
    }

    func onSenderDrainStart(_ event: SenderEvent) throws {
        log("sender: drain with credit \(event.sender.credit) and \(available) messages")
        try send(event.sender)
        event.sender.drained()
    }

    private func send(_ sender: Sender) throws {
        while available > 0, sender.credit > 0 {
            try sender.send(Message(body: "message \(sequence)"))
            sequence += 1
            available -= 1
        }
    }
}

/// Receives with credit of its own giving, in four examples one after the other.
final class FlowReceiver: MessagingHandler {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let log: (String) -> Void
    let sender: FlowSender
    var options: HandlerOptions { HandlerOptions(prefetch: 0) }
    private var stage = 0
    private var received = 0

    init(_ sender: FlowSender, log: @escaping (String) -> Void) {
        self.sender = sender
        self.log = log
    }

    func onLinkOpened(_ event: LinkEvent) throws {
        if let receiver = event.receiver { try begin(receiver) }
    }

    func onMessage(_ event: MessageEvent) throws {
        log("receiver: \(event.message.body)")
        received += 1
        switch stage {
        case 1 where event.receiver.credit == 0:
            try finish("simple credit", received == 2)
            try begin(event.receiver)
        case 4 where received == 25:
            try finish("a high and a low mark", event.receiver.credit == 0)
            event.connection.close()
        case 4 where event.receiver.credit <= 3:
            let credit = min(10, 25 - received) - event.receiver.credit
            if credit > 0 { try event.receiver.flow(credit) }
        default: break
        }
    }

    func onReceiverDrainFinish(_ event: ReceiverEvent) throws {
        log("receiver: the drain is over")
        switch stage {
        case 2: try finish("drain", received == 3 && event.receiver.credit == 0)
        case 3: try finish("drain without messages", received == 0)
        default: return
        }
        try begin(event.receiver)
    }

    /// Begins the next example.
    private func begin(_ receiver: Receiver) throws {
        stage += 1
        received = 0
        switch stage {
        case 1:
            log("Example 1: simple credit.")
            sender.available = 2
            try receiver.flow(2)
        case 2:
            log("Example 2: a drain of 5, and 3 messages are there.")
            sender.available = 3
            try receiver.drain(5)
        case 3:
            log("Example 3: a drain, and no message is there.")
            try receiver.drain(1)
        default:
            log("Example 4: credit up to 10, and again at 3, for 25 messages.")
            sender.available = 25
            try receiver.flow(10)
        }
    }

    private func finish(_ what: String, _ holds: Bool) throws {
        guard holds else { throw Failure(description: "example \(stage), \(what): failed") }
        print("success: Example \(stage): \(what)")
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow_control", abstract: "Show what credit and drain do.")

    @Flag(name: .shortAndLong, help: "leave out what credit is given and used")
    var quiet = false

    func run() throws {
        let log: (String) -> Void = quiet ? { _ in } : { print($0) }
        try Container(FlowSender(log: log), options: ConnectionOptions(reconnect: nil)).run()
    }
}
