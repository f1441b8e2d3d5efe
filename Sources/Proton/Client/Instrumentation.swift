// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Synchronization

/// The instruments of a connection, and the connection's description for them.
struct Instrumentation: Sendable {
    /// The last id of a connection or a link.
    private static let lastID = Atomic<UInt64>(0)

    static func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }

    let instruments: [any AMQPInstrument]
    let id: UInt64

    private let isIncoming: Bool

    /// - Parameter isIncoming: whether the peer made the connection.
    init(_ instruments: [any AMQPInstrument], isIncoming: Bool) {
        (self.instruments, self.isIncoming) = (instruments, isIncoming)
        id = instruments.isEmpty ? 0 : Instrumentation.nextID()
    }

    /// Whether there is no instrument: then no observation is created.
    var isEmpty: Bool { instruments.isEmpty }

    func info(_ url: AMQPURL) -> AMQPConnectionInfo {
        AMQPConnectionInfo(id: id, host: url.host, port: url.port, isIncoming: isIncoming)
    }

    /// Reports a message that is about to be sent.
    /// - Returns: the function to call with its result; nil for none.
    func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> (
        @Sendable (Result<Outcome, AMQPSendError>) -> Void
    )? {
        var observers: [AMQPSendObserver] = []
        for instrument in instruments {
            if let observer = instrument.willSend(&message, by: link) { observers.append(observer) }
        }
        guard !observers.isEmpty else { return nil }
        let start = ContinuousClock.now
        return { [observers] result in
            let latency = start.duration(to: .now)
            for observer in observers { observer(result, latency) }
        }
    }

    /// Runs a body within the processing of a message; the first instrument's call is the outermost.
    func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, after count: Int = 0, _ body: () async throws -> Result
    ) async rethrows -> Result {
        guard count < instruments.count else { return try await body() }
        return try await instruments[count].process(message, from: link) {
            try await process(message, from: link, after: count + 1, body)
        }
    }

    /// Runs a body within a request; the first instrument's call is the outermost.
    func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, after count: Int = 0, _ body: () async throws -> Response
    ) async rethrows -> Response {
        guard count < instruments.count else { return try await body() }
        return try await instruments[count].request(message, to: link) {
            try await request(message, to: link, after: count + 1, body)
        }
    }
}

/// Reports to instruments, once, the settlement of a message that was handed out.
final class DeliveryObservation: Sendable {
    private let observers: [AMQPSettlementObserver]
    private let start = ContinuousClock.now
    private let isOver = Atomic(false)

    /// - Returns: nil if no instrument observes the settlement.
    init?(_ instruments: [any AMQPInstrument], _ message: Message, isSettled: Bool, _ link: AMQPLinkInfo) {
        observers = instruments.compactMap { $0.didReceive(message, isSettled: isSettled, by: link) }
        if observers.isEmpty || isSettled { return nil }
    }

    deinit {
        tell(nil)
    }

    /// Reports the settlement by the program.
    func tell(_ state: DeliveryState?) {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        let time = start.duration(to: .now)
        for observer in observers { observer(state, time) }
    }
}
