// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Sends a message each interval, and ends after a time-out.
final class ScheduledSender: MessagingHandler {
    let url: String
    let interval: Duration
    let timeout: Duration
    var sender: Sender?
    var tick: TimerTask?
    var isReady = true

    /// Where the peer closes nothing can be sent: an error, even if it gives no reason.
    var options: HandlerOptions { HandlerOptions(treatsPeerCloseAsError: true) }

    init(_ url: String, _ interval: Duration, _ timeout: Duration) {
        self.url = url
        self.interval = interval
        self.timeout = timeout
    }

    func onStart(_ event: ContainerEvent) throws {
        sender = try event.container.createSender(url)
    }

    func onLinkOpened(_ event: LinkEvent) {
        // The container has one thread: what a timer does may use the connection, as a callback may.
        tick = event.container.schedule(after: interval, self)
        event.container.schedule(after: timeout) { [self] in
            tick?.cancel()
            sender?.connection.close()
        }
    }

    func onTimerTask(_ event: TimerEvent) throws {
        tick = event.container.schedule(after: interval, self)
        isReady = true
        try send()
    }

    func onSendable(_ event: SenderEvent) throws {
        try send()
    }

    func send() throws {
        guard isReady, let sender, sender.credit > 0 else { return }
        print("send")
        try sender.send(Message(body: "ping"))
        isReady = false
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduled_send", abstract: "Send a message each interval, until the time is over.")

    @Option(name: .shortAndLong, help: "connect and send to URL")
    var address = "127.0.0.1:5672/examples"

    @Option(name: .shortAndLong, help: "send a message every INTERVAL seconds")
    var interval = 1.0

    @Option(name: .shortAndLong, help: "stop after T seconds")
    var timeout = 5.0

    func validate() throws {
        guard interval > 0, timeout > 0 else { throw ValidationError("Give numbers of seconds above 0.") }
    }

    func run() throws {
        let sender = ScheduledSender(address, .seconds(interval), .seconds(timeout))
        try Container(sender, options: ConnectionOptions(reconnect: nil)).run(stoppingOn: .interrupt, .terminate)
    }
}
