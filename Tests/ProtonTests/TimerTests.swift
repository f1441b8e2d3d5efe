// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

/// Timers: order, cancelling, and what a timer's callback may do.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct TimerTests {
    @Test func timersGoOffInTheOrderOfTheirTimes() async throws {
        let lines = try await onThread {
            let (journal, clock) = (Journal(), TestClock())
            let handler = Plain { event in
                for delay in [60, 20, 40, 0, 20] {
                    event.container.schedule(after: .seconds(delay)) { journal.note("\(delay)") }
                }
                event.container.schedule(after: .seconds(-5)) { journal.note("past") }
                clock.advance(by: .seconds(60))
            }
            try Container(handler, options: .once, clock: clock).run()
            return journal.lines
        }
        #expect(lines.suffix(4) == ["20", "20", "40", "60"] && Set(lines.prefix(2)) == ["0", "past"])
    }

    @Test func theyWaitAsLongAsTheySay() async throws {
        let time = try await onThread {
            let clock = ContinuousClock()
            let start = clock.now
            var end = start
            try Container(
                Plain { $0.container.schedule(after: .milliseconds(200)) { end = clock.now } }, options: .once
            ).run()
            return start.duration(to: end)
        }
        #expect(time >= .milliseconds(200))
    }

    @Test func cancelledOnesDoNot() async throws {
        let lines = try await onThread {
            let (journal, clock) = (Journal(), TestClock())
            let handler = Plain { event in
                let container = event.container
                let never = container.schedule(after: .seconds(500)) { journal.note("never") }
                let late = container.schedule(after: .milliseconds(50)) { journal.note("late") }
                container.schedule(after: .milliseconds(10)) {
                    #expect(late.cancel() && never.cancel())
                    #expect(!late.cancel())
                }
                let once = container.schedule(after: .milliseconds(1)) { journal.note("once") }
                container.schedule(after: .milliseconds(80)) { #expect(!once.cancel()) }
                clock.advance(by: .milliseconds(80))
            }
            try Container(handler, options: .once, clock: clock).run()
            return journal.lines
        }
        #expect(lines == ["once"])
    }

    @Test func aHandlersTimerTellsItsTimer() async throws {
        let lines = try await onThread {
            let handler = Scripted("h")
            defer { handler.forget() }
            var count = 0
            let container = try Container(handler, options: .once)
            handler.on("onStart") { (event: ContainerEvent) in
                event.container.schedule(after: .milliseconds(1), handler)
            }
            handler.on("onTimerTask") { (event: TimerEvent) in
                #expect(!event.timer.cancel() && event.container === container)
                count += 1
                if count < 5 { event.container.schedule(after: .milliseconds(1), handler) }
            }
            try container.run()
            return handler.journal.lines
        }
        #expect(lines.count { $0 == "h.onTimerTask" } == 5)
    }

    @Test func manyTimers() async throws {
        let count = try await onThread {
            let clock = TestClock()
            var count = 0
            let handler = Plain { event in
                for number in 0..<10_000 {
                    let timer = event.container.schedule(after: .milliseconds(number % 100)) { count += 1 }
                    if number % 2 == 1 { timer.cancel() }
                }
                clock.advance(by: .milliseconds(99))
            }
            try Container(handler, options: .once, clock: clock).run()
            return count
        }
        #expect(count == 5_000)
    }

    @Test func manyThatAreCancelledBeforeTheRunDoNot() async throws {
        let count = try await onThread {
            var count = 0
            let container = try Container(options: .once)
            let timers = (0..<12_345).map { _ in container.schedule(after: .zero) { count += 1 } }
            for timer in timers { #expect(timer.cancel()) }
            try container.run()
            return count
        }
        #expect(count == 0)
    }

    @Test func manyLongOnesThatAreCancelledDoNotKeepTheContainer() async throws {
        let cancelled = try await onThread {
            var cancelled = 0
            let handler = Plain { event in
                for number in 1...12_345 {
                    let long = event.container.schedule(after: .seconds(10 * number)) { throw TestError("gone off") }
                    event.container.schedule(after: .zero) { if long.cancel() { cancelled += 1 } }
                }
            }
            // By this clock the long ones never come: the container ends since it does not wait for them.
            try Container(handler, options: .once, clock: TestClock()).run()
            return cancelled
        }
        #expect(cancelled == 12_345)
    }

    @Test func aConnectionIsUsedFromATimer() async throws {
        let bodies = try await onThread {
            let exchange = Exchange()
            var bodies: [Message.Body] = []
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in
                guard let sender = event.sender else { return }
                event.container.schedule(after: .milliseconds(30)) {
                    // Nothing else moves the connection now: what is written here has to be flushed.
                    try sender.send(Message(body: "from a timer"))
                }
            }
            exchange.server.on("onMessage") { (event: MessageEvent) in
                bodies.append(event.message.body)
                let connection = event.connection
                event.container.schedule(after: .milliseconds(30)) { connection.close() }
            }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return bodies
        }
        #expect(bodies == ["from a timer"])
    }

    @Test func oneConnectionIsUsedFromAnothersCallback() async throws {
        let lines = try await onThread {
            let exchange = Exchange()
            var clientLink: Link?
            exchange.client.on("onLinkOpened") { (event: LinkEvent) in clientLink = event.link }
            exchange.server.on("onLinkOpened") { (event: LinkEvent) in
                event.container.schedule(after: .milliseconds(30)) { event.link.close() }
            }
            // The server's callback closes the client's connection.
            exchange.server.on("onLinkLocalClose") { (event: LinkEvent) in clientLink?.connection.close() }
            try exchange.run { container, connection in try container.createSender(connection, "a") }
            return exchange.journal.lines
        }
        #expect(lines.contains("client.onConnectionClosed") || lines.contains("client.onConnectionLocalClose"))
    }
}
