// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// Sends `count` messages, over as many connections as asked for, and waits for their outcomes.
final class SendPeer: Peer {
    private let settings: Settings
    private let payload: Payload
    private let report: Report
    private var sent = 0
    private var finished = 0
    private var listener: Listener?
    private var lastSent: UInt64?

    init(_ settings: Settings, _ report: Report) throws {
        self.settings = settings
        self.report = report
        payload = try Payload(settings)
    }

    var isComplete: Bool { finished >= settings.count }

    func onStart(_ event: ContainerEvent) throws {
        if settings.listens {
            listener = try event.container.listen(settings.listening, tls: settings.tls)
        } else {
            for _ in 0..<settings.connections {
                let connection = try event.container.connect(settings.server)
                for _ in 0..<settings.links {
                    try event.container.createSender(connection, settings.address, options: settings.linkOption)
                }
            }
        }
    }

    func onSendable(_ event: SenderEvent) throws {
        try pump(event.sender)
    }

    func onAccepted(_ event: DeliveryEvent) throws {
        try finish(event)
    }

    func onRejected(_ event: DeliveryEvent) throws {
        report.others += 1
        try finish(event)
    }

    func onReleased(_ event: DeliveryEvent) throws {
        report.others += 1
        try finish(event)
    }

    private func pump(_ sender: Sender) throws {
        report.start()
        while sent < settings.count, sender.credit > 0, settings.inFlight == 0 || sent - finished < settings.inFlight {
            if settings.inFlight == 1 { lastSent = nanoseconds() }
            sent += 1
            try payload.send(UInt64(sent), on: sender)
            if settings.isSettled { finished += 1 }
        }
        if settings.isSettled, sent == settings.count { end(sender.connection) }
    }

    private func finish(_ event: DeliveryEvent) throws {
        finished += 1
        if let lastSent { report.note(latency: lastSent) }
        if finished == settings.count {
            end(event.connection)
        } else if settings.inFlight > 0, let sender = event.sender {
            try pump(sender)
        }
    }

    private func end(_ connection: Connection) {
        report.end()
        report.count = finished
        connection.container.stop()
    }
}

/// Receives `count` messages, and sends them back where asked to.
final class ReceivePeer: Peer {
    private let settings: Settings
    private let payload: Payload
    private let report: Report
    private var received = 0
    private var listener: Listener?
    private var back: Sender?

    init(_ settings: Settings, _ report: Report) throws {
        self.settings = settings
        self.report = report
        payload = try Payload(settings)
    }

    var options: HandlerOptions { HandlerOptions(prefetch: settings.window) }

    var isComplete: Bool { received >= settings.count }

    func onStart(_ event: ContainerEvent) throws {
        if settings.listens {
            listener = try event.container.listen(settings.listening, tls: settings.tls)
        } else {
            try event.container.createReceiver(settings.url, options: settings.linkOption)
        }
    }

    func onLinkOpened(_ event: LinkEvent) {
        if let sender = event.sender { back = sender }
    }

    func onMessage(_ event: MessageEvent) throws {
        report.start()
        received += 1
        report.checksum &+= payload.consume(event.message)
        if settings.echoes, let back { try payload.send(UInt64(received), on: back) }
        if received == settings.count {
            report.end()
            report.count = received
            if !settings.listens { event.connection.close() }
        }
    }

    func onConnectionClosing(_ event: ConnectionEvent) {
        if isComplete { listener?.close() }
    }
}

/// Sends one message at a time, and waits until it has come back.
final class PingPeer: Peer {
    private let settings: Settings
    private let payload: Payload
    private let report: Report
    private var sender: Sender?
    private var isReceiverOpen = false
    private var returned = 0
    private var lastSent: UInt64?

    init(_ settings: Settings, _ report: Report) throws {
        self.settings = settings
        self.report = report
        payload = try Payload(settings)
    }

    var options: HandlerOptions { HandlerOptions(prefetch: settings.window) }

    var isComplete: Bool { returned >= settings.count }

    func onStart(_ event: ContainerEvent) throws {
        let connection = try event.container.connect(settings.server)
        try event.container.createReceiver(connection, settings.address, options: settings.linkOption)
        sender = try event.container.createSender(connection, settings.address, options: settings.linkOption)
    }

    func onLinkOpened(_ event: LinkEvent) throws {
        if event.receiver != nil { isReceiverOpen = true }
        try pingNext()
    }

    func onSendable(_ event: SenderEvent) throws {
        try pingNext()
    }

    func onMessage(_ event: MessageEvent) throws {
        report.checksum &+= payload.consume(event.message)
        if let lastSent { report.note(latency: lastSent) }
        lastSent = nil
        returned += 1
        if isComplete {
            report.end()
            report.count = returned
            event.connection.close()
        } else {
            try pingNext()
        }
    }

    private func pingNext() throws {
        guard isReceiverOpen, lastSent == nil, !isComplete, let sender, sender.credit > 0 else { return }
        report.start()
        lastSent = nanoseconds()
        try payload.send(UInt64(returned + 1), on: sender)
    }
}

/// Opens idle connections with a sender each, says so, and holds them until standard input ends.
final class IdlePeer: Peer {
    private let settings: Settings
    private var opened = 0

    init(_ settings: Settings) {
        self.settings = settings
    }

    var isComplete: Bool { opened == settings.connections }

    func onStart(_ event: ContainerEvent) throws {
        for _ in 0..<settings.connections { try event.container.createSender(settings.url) }
    }

    func onLinkOpened(_ event: LinkEvent) {
        opened += 1
        guard isComplete else { return }
        print("{\"role\":\"swift-conn\",\"opened\":\(opened),\"rss_kb\":\(residentKilobytes())}")
        fflush(nil)
        // Nothing else is to be done until standard input ends: heartbeats are due later than a measurement lasts.
        while getchar() != EOF {}
        event.container.stop()
    }
}

/// Opens and closes one connection after the other, or answers that.
final class OpenPeer: Peer {
    private let settings: Settings
    private let report: Report
    private var closed = 0
    private var listener: Listener?

    init(_ settings: Settings, _ report: Report) {
        self.settings = settings
        self.report = report
    }

    var isComplete: Bool { closed >= settings.count }

    func onStart(_ event: ContainerEvent) throws {
        if settings.listens {
            listener = try event.container.listen(settings.listening, tls: settings.tls)
        } else {
            report.start()
            try event.container.connect(settings.server)
        }
    }

    func onConnectionOpened(_ event: ConnectionEvent) {
        if !settings.listens { event.connection.close() }
    }

    func onConnectionClosed(_ event: ConnectionEvent) throws {
        closed += 1
        if !settings.listens, !isComplete { try event.container.connect(settings.server) }
        guard isComplete else { return }
        report.end()
        report.count = closed
        listener?.close()
    }
}
