// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Proton

/// The messages of a `ReceivePlan`, one after the other; for one task.
///
/// When the connection is lost, what has arrived and was not handed out comes again. A new receiver takes it, since nobody knows
/// how much credit the old one has used.
package final class ReceivedMessages: Sendable {
    /// How long a peer that does not answer a drain may send nothing before its node counts as empty.
    static let quietTime = Duration.seconds(2)

    private enum Phase {
        /// Messages come as they are sent.
        case open
        /// The peer was asked for what it has, with this much credit.
        case draining(credit: Int)
        /// The peer does not answer drains: what comes within the quiet time counts.
        case listening
        case ended
    }

    private struct State {
        var receiver: AMQPReceiver?
        var phase = Phase.open
        /// How many were handed out, and how many of them by this receiver.
        var received = 0
        var receivedHere = 0
        /// How many were handed out since credit was last given for a drain.
        var sinceDrain = 0
        /// How much credit this receiver was given.
        var granted = 0
    }

    private let plan: ReceivePlan
    private let connection: AMQPConnection
    private let state = Guarded(State())

    init(_ plan: ReceivePlan, _ connection: AMQPConnection) { (self.plan, self.connection) = (plan, connection) }

    // MARK: The receiver

    /// Attaches a receiver.
    /// - Throws: as `ReceivePlan.attach`.
    func attach() async throws {
        let receiver = try await plan.attach(on: connection)
        state.use { state in state = State(receiver: receiver, received: state.received) }
    }

    /// Ends a receiver whose connection was lost, also while its next message is waited for.
    func endReceiver() async {
        guard let receiver = state.use({ $0.receiver }), receiver.interruptionCount > 0 else { return }
        await receiver.close()
    }

    /// Gives back what was not settled.
    func close() async {
        await state.use { $0.receiver }?.close()
    }

    // MARK: Messages

    /// The next message; nil behind the last, and where the task is cancelled.
    ///
    /// A message that is not valid AMQP is rejected, and told on standard error.
    /// - Throws: what ended the link.
    package func next() async throws -> AMQPDelivery? {
        while !Task.isCancelled, remaining > 0, let receiver = state.use({ $0.receiver }) {
            do {
                if let delivery = try await next(of: receiver) {
                    state.use { $0.received += 1 }
                    return delivery
                }
            } catch let error as ProtonError where error.code == .protocolViolation {
                StandardError.write("warning: \(error.message)")
                continue
            } catch {
                // It was closed since its connection was lost.
                guard receiver.interruptionCount > 0 else { throw error }
            }
            guard receiver.interruptionCount > 0 else { return nil }
            await receiver.close()
            try await attach()
        }
        return nil
    }

    private func next(of receiver: AMQPReceiver) async throws -> AMQPDelivery? {
        do {
            let delivery = plan.endsWhenDrained ? try await nextOfDrain(receiver) : try await nextAsSent(receiver)
            if delivery != nil { countArrival() }
            return delivery
        } catch let error as ProtonError where error.code == .protocolViolation {
            // It has used credit.
            countArrival()
            throw error
        }
    }

    private func countArrival() {
        state.use { state in
            state.receivedHere += 1
            state.sinceDrain += 1
        }
    }

    private var remaining: Int { state.use { remaining($0) } }

    private func remaining(_ state: State) -> Int { max(0, (plan.limit ?? .max) - state.received) }

    /// Gives credit, as much as a closure says.
    private func grant(_ receiver: AMQPReceiver, _ credit: (inout State) -> Int) throws {
        let credit = state.use { state in
            let credit = credit(&state)
            state.granted += credit
            return credit
        }
        if credit > 0 { try receiver.grant(credit) }
    }

    // MARK: As they are sent

    private func nextAsSent(_ receiver: AMQPReceiver) async throws -> AMQPDelivery? {
        try grant(receiver) { state in
            let ahead = state.granted - state.receivedHere
            let wanted = min(ReceivePlan.batch, remaining(state))
            // Half a batch at a time: a frame for each message would cost more than the message.
            return ahead <= wanted / 2 ? wanted - ahead : 0
        }
        guard let idle = plan.idle else { return try await receiver.next() }
        return try await receiver.next(within: idle)
    }

    // MARK: Those that wait at the node

    private func nextOfDrain(_ receiver: AMQPReceiver) async throws -> AMQPDelivery? {
        while !Task.isCancelled {
            if receiver.waitingCount > 0 { return try await receiver.next() }
            // A drain ends with the connection too, and says nothing of the node then.
            guard receiver.interruptionCount == 0 else { return nil }
            switch state.use({ $0.phase }) {
            case .ended: return nil
            case .open where connection.peer?.isRabbitMQ3 == true: state.use { $0.phase = .listening }
            case .open: try await drain(receiver)
            case .draining(let credit):
                // All credit was used: there may be more. Otherwise the node had no more.
                guard state.use({ $0.sinceDrain }) >= credit else {
                    state.use { $0.phase = .ended }
                    return nil
                }
                try await drain(receiver)
            case .listening: return try await nextWithinQuietTime(receiver)
            }
        }
        return nil
    }

    /// Asks the peer for what it has, and waits until it has sent that.
    private func drain(_ receiver: AMQPReceiver) async throws {
        try grant(receiver) { state in
            let credit = min(ReceivePlan.batch, remaining(state))
            state.sinceDrain = 0
            state.phase = .draining(credit: credit)
            return credit
        }
        do {
            try await within(plan.idle ?? ReceivedMessages.quietTime, "for the answer to a drain") {
                try await receiver.drain()
            }
        } catch let error as ToolError where error.exit == .timedOut {
            // Proton's example brokers do not answer, for one.
            let isEmpty = receiver.waitingCount == 0
            state.use { $0.phase = isEmpty ? .ended : .listening }
        }
    }

    private func nextWithinQuietTime(_ receiver: AMQPReceiver) async throws -> AMQPDelivery? {
        try grant(receiver) { state in
            state.granted > state.receivedHere ? 0 : min(ReceivePlan.batch, remaining(state))
        }
        return try await receiver.next(within: plan.idle ?? ReceivedMessages.quietTime)
    }
}
