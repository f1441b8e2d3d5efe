// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonTesting

/// Rounds of random frames against the engine in memory: what aborts proton, ends this process.
struct EngineRounds {
    /// What the program above the engine does: mostly what it should, in random order.
    private final class Application: EventHandler {
        private var random: Random
        /// Deliveries that are to be settled later.
        private var held: [Delivery] = []

        init(_ random: Random) { self.random = random }

        func handle(_ event: EngineEvent) throws {
            switch event {
            case .connection(.remoteOpen, let connection): connection.open()
            case .connection(.remoteClose, let connection): connection.close()
            case .session(.remoteOpen, let session): session.open()
            case .session(.remoteClose, let session): session.close()
            case .link(.remoteOpen, let link): try attach(link)
            case .link(.remoteClose, let link) where random.chance(90): link.close()
            case .link(.remoteDetach, let link) where random.chance(90): link.detach()
            case .link(.flow, let link): try send(on: link)
            case .delivery(let delivery): try take(delivery)
            default: break
            }
            try act(on: event)
        }

        private func attach(_ link: Link) throws {
            link.source.address = link.remoteSource.address
            link.target.address = link.remoteTarget.address
            link.open()
            if let receiver = link as? Receiver { try receiver.flow(random.below(100)) }
        }

        private func send(on link: Link) throws {
            guard let sender = link as? Sender else { return }
            if random.chance(20) { _ = sender.drained() }
            for _ in 0..<random.below(4) where sender.credit > 0 {
                let message = Message(body: .data([UInt8](repeating: 1, count: random.pick(1, 600, 3_000))))
                guard let delivery = try? sender.send(message) else { return }
                if random.chance(10) { delivery.abort() } else if random.chance(20) { delivery.settle() }
            }
        }

        private func take(_ delivery: Delivery) throws {
            if delivery.link.isSender {
                if delivery.remoteUpdate()?.isSettled == true || random.chance(30) { delivery.settle() }
                return
            }
            switch delivery.arrival() {
            case .complete:
                _ = try? delivery.takeMessage()
                if random.chance(60) { delivery.settle(.accepted) } else { held.append(delivery) }
                if let receiver = delivery.link as? Receiver, random.chance(50) { try? receiver.flow(1) }
            case .nothing: break
            default: if random.chance(5) { delivery.settle(.released) }
            }
        }

        /// Now and then something that no event asks for.
        private func act(on event: EngineEvent) throws {
            guard random.chance(10) else { return }
            if !held.isEmpty { held.remove(at: random.below(held.count)).settle(random.pick(.accepted, .released)) }
            guard case .link(_, let link) = event, random.chance(20) else { return }
            switch random.below(5) {
            case 0: link.close("fuzz:closed")
            case 1: link.detach()
            case 2: try (link as? Receiver)?.drain(random.below(3))
            case 3: if random.chance(10) { link.session.close() }
            default: if random.chance(5) { link.connection.close("fuzz:closed") }
            }
        }
    }

    /// Runs one round; the same seed makes the same one.
    static func run(_ seed: UInt64) throws {
        var random = Random(seed: seed)
        let isServer = random.chance(60)
        var limits = ConnectionLimits()
        limits.maxFrameSize = random.pick(512, 65_536)
        if random.chance(20) { (limits.maxSessions, limits.maxLinks) = (2, 3) }
        let application = Application(Random(seed: random.next()))
        let connection = Connection(isIncoming: isServer, limits: limits, eventHandler: application)
        connection.containerID = "fuzzed"
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.mechanisms = "ANONYMOUS"
        let driver = ConnectionDriver(connection, configuration)
        if !isServer {
            connection.open()
            let session = try connection.session()
            try session.makeSender(name: "out").open()
            let receiver = try session.makeReceiver(name: "in")
            receiver.open()
            try receiver.flow(20)
        }

        var round = Round(driver, RandomFrames(random, isServer: !isServer))
        try round.begin(asServer: !isServer)
        var clock: Int64 = 1_000
        for _ in 0..<(5 + random.below(60)) where !driver.isInputClosed {
            try round.next()
            clock += Int64(random.below(3_000))
            _ = driver.tick(clock)
        }
        try round.end()
    }
}

/// One round: an engine, and the peer that it is fed by.
private struct Round {
    private let driver: ConnectionDriver
    private var frames: RandomFrames
    private var random: Random
    private var output: ArraySlice<UInt8> = []
    /// What the peer has to answer.
    private var answers: [UInt8] = []

    init(_ driver: ConnectionDriver, _ frames: RandomFrames) {
        (self.driver, self.frames, random) = (driver, frames, frames.random)
        _ = random.next()
    }

    /// Both layers' headers, and the peer's open: most peers wait for the outcome, some do not.
    mutating func begin(asServer isServer: Bool) throws {
        let sasl: [Frame] =
            isServer
            ? [.saslHeader, .saslMechanisms("ANONYMOUS"), .saslOutcome(0)]
            : [.saslHeader, .saslInit("ANONYMOUS", response: Array("fuzz".utf8))]
        var input = sasl.flatMap { (try? $0.encoded()) ?? [] }
        if random.chance(85) {
            try put(input)
            try take()
            input = []
        }
        try put(input + ((try? Frame.amqpHeader.encoded()) ?? []) + frames.open())
    }

    /// A few frames at once, so that the engine sees some before the program has answered others.
    mutating func next() throws {
        var input = answers
        answers = []
        for _ in 0...random.below(8) { input += frames.next() }
        try put(input)
        if random.chance(80) { try take() }
    }

    mutating func end() throws {
        driver.closeInput()
        try dispatch()
        _ = driver.takeOutput()
        driver.closeOutput()
        try dispatch()
    }

    private mutating func put(_ bytes: [UInt8]) throws {
        Trace.show(bytes)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = driver.putInput(rest.prefix(1 + random.below(20_000)))
            rest = rest.dropFirst(count)
            try dispatch()
            if count == 0 { return }
        }
    }

    private mutating func take() throws {
        output += driver.takeOutput()
        try dispatch()
        while let frame = try? Frame.take(from: &output) {
            if random.chance(95) { answers += frames.answer(frame).flatMap { $0 } }
        }
    }

    private func dispatch() throws {
        while try driver.dispatchEvents() {}
    }
}
