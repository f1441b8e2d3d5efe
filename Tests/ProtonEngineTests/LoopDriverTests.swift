// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Testing

@testable import ProtonEngine

/// A driver of a loop's, in the place of a proactor: it handles a connection's batches as that does.
struct LoopDriverTests {
    private let events = EventRecorder()
    private let wakes = UncheckedMutex(0)

    private func driver() -> ConnectionDriver {
        let limits = ConnectionLimits()
        let connection = Connection(isIncoming: true, limits: limits, eventHandler: events)
        let configuration = TransportConfiguration(isServer: true, limits: limits)
        return ConnectionDriver.accept(connection, configuration) { [wakes] in wakes.withLock { $0 += 1 } }
    }

    @Test func whatWorkLeavesIsHandledInTheSameBatch() throws {
        let driver = driver()
        while try driver.dispatchEvents() {}
        driver.connection.workQueue.add { $0.abort(Condition("test:gone")) }
        #expect(wakes.withLock { $0 } == 1)
        #expect(try driver.dispatchEvents())
        #expect(events.count("connection.final") == 1 && driver.isFinished)
        #expect(!driver.connection.workQueue.add { _ in })
        #expect(try !driver.dispatchEvents())
    }

    @Test func anErrorOfAHandlerEndsNoBatch() throws {
        let driver = driver()
        events.react = { event in if event.name == "transport.closed" { throw PairError(what: "handler") } }
        while try driver.dispatchEvents() {}
        driver.closeInput()
        driver.closeOutput()
        let error = #expect(throws: PairError.self) { try driver.dispatchEvents() }
        #expect(error?.what == "handler" && driver.isFinished)
        #expect(try !driver.dispatchEvents())
    }
}
