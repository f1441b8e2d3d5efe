// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// The handling of incoming messages and credit in the connection's domain.
extension Incoming {
    /// Sends the program's settlements to the peer, and gives credit.
    func pump(_ receiver: Receiver) {
        let (settlements, grant) = state.withLock { state in
            state.isAwaited = false
            let grant = exchange(&state.grant, with: 0)
            return (exchange(&state.settlements, with: []), state.intake.isOpen ? grant : 0)
        }
        settle(settlements)
        if grant > 0 { receiver.grant(grant) }
        topUp(receiver)
    }

    private func settle(_ settlements: [Settlement]) {
        unsettled.withLock { unsettled in
            for settlement in settlements {
                for token in settlement.tokens {
                    guard let delivery = unsettled.take(token) else { continue }
                    switch settlement.state {
                    case .outcome(.accepted): delivery.acceptIfUndecided()
                    case .outcome(.modified) where !unsettled.takesModified: delivery.settle(.released)
                    case let state: delivery.settle(state)
                    }
                }
            }
        }
    }

    /// Gives credit if there is room.
    private func topUp(_ receiver: Receiver) {
        guard receiver.isLocalOpen, !receiver.awaitsDrainEnd else { return }
        let (held, fresh) = unsettled.withLock { ($0.count, $0.fresh.count) }
        let credit = receiver.credit
        let grant = state.withLock { state in
            defer { (state.taken, state.asked) = (0, 0) }
            guard state.intake.isOpen else { return 0 }
            return switch room {
            case .uponSettlement:
                Incoming.grant(upTo: state.window, held: held + state.settledWaiting, credit: credit)
            case .uponReceipt:
                Incoming.grant(
                    upTo: state.window, asked: max(state.asked, state.waiters.count),
                    expected: credit + fresh + state.arrivals.count)
            }
        }
        if grant > 0 { receiver.grant(grant) }
    }

    /// The credit to give: up to the window, less the held messages, when half of it is free or no credit is left.
    static func grant(upTo window: Int, held: Int, credit: Int) -> Int {
        let room = window - held - credit
        return window > 0 && (room >= max(1, window / 2) || (room > 0 && credit == 0)) ? room : 0
    }

    /// The credit to give: up to the window when half of it is used up, and for each waiting call.
    /// - Parameter expected: how many messages wait, or may still arrive with the credit.
    static func grant(upTo window: Int, asked: Int, expected: Int) -> Int {
        expected < asked || expected <= window / 2 ? max(0, max(window, asked) - expected) : 0
    }

    func attached(_ link: Link) {
        guard let receiver = link as? Receiver else { return }
        let outcomes = receiver.remoteSource.outcomes
        unsettled.withLock { unsettled in
            unsettled.receiver = receiver
            unsettled.takesModified = outcomes.isEmpty || outcomes.contains("amqp:modified:list")
        }
        pump(receiver)
    }

    func flow(_ link: Link) {
        guard let receiver = link as? Receiver, receiver.takeDrainEnd() else { return }
        handOver()
        endDrains()
        topUp(receiver)
    }

    private func endDrains() {
        let waiters = state.withLock { exchange(&$0.drains, with: []) }
        for waiter in waiters { waiter.resume(()) }
        endIntake()
    }

    func arrived(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete: take(delivery)
        case .aborted:
            delivery.settle()
            // It has used credit, and the program will not take it.
            if let receiver = delivery.link as? Receiver { topUp(receiver) }
        case .settled, .updated, .incomplete, .nothing: break
        }
        // A drain ends when no credit is left, also if a message used the last credit.
        if let receiver = delivery.link as? Receiver, receiver.awaitsDrainEnd, receiver.takeDrainEnd() {
            handOver()
            endDrains()
            topUp(receiver)
        }
    }

    private func take(_ delivery: Delivery) {
        // A delivery that was sent settled has no slot.
        let slot = delivery.isSettled ? nil : delivery.slot
        // Nil if the link is closed. Waiters are resumed once for all messages of a batch.
        let isFirst: Bool? = unsettled.withLock { unsettled in
            guard !unsettled.isClosed else { return nil }
            let token = slot.map { unsettled.keep(delivery, in: $0) }
            unsettled.fresh.append(delivery, token)
            return unsettled.fresh.count == 1
        }
        guard let isFirst else {
            // RabbitMQ 3 keeps messages that were on their way when the link was closed until they are settled or the session
            // ends.
            return delivery.settle(.released)
        }
        if slot == nil { delivery.settle() }
        guard isFirst else { return }
        _ = delivery.connection.workQueue.addStep { [self] _ in
            let isLate = handOver()
            guard let receiver = unsettled.withLock({ $0.receiver }) else { return }
            // The messages may have used the last credit, and there may be room for more.
            if isLate { pump(receiver) } else { topUp(receiver) }
        }
    }

    /// Hands over the messages of the batch.
    /// - Returns: whether some of them arrived after the end, and have to be released.
    @discardableResult
    private func handOver() -> Bool {
        let fresh = unsettled.withLock { $0.fresh.finish() }
        var isLate = false
        let waiters: [Waiter<Void>] = state.withLock { state in
            if case .finished = state.intake { isLate = true }
            for messages in fresh {
                for (index, entry) in messages.entries.enumerated() {
                    if isLate, let token = entry.token {
                        state.note(token, .released)
                        continue
                    }
                    if entry.token == nil { state.settledWaiting += 1 }
                    state.arrivals.append(Arrival(messages: messages, index: index))
                }
            }
            return state.takeReady()
        }
        for waiter in waiters { waiter.resume(()) }
        return isLate
    }

    // MARK: Ends

    /// The peer sends unsettled messages again.
    func interrupted(_ error: ProtonError) {
        forget()
        endDrains()
    }

    private func forget() {
        handOver()
        unsettled.withLock { unsettled in
            unsettled.entries = []
            unsettled.count = 0
        }
        state.withLock { state in
            // The peer does not send again what it sent settled.
            state.arrivals.removeAll { $0.token != nil }
            state.settlements = []
        }
    }

    /// Sends the last settlements to the peer, and returns the unsettled messages.
    ///
    /// Those that the program has not seen are released, the others are returned with a failed delivery.
    func closing(_ link: Link) {
        handOver()
        settle(state.withLock { exchange(&$0.settlements, with: []) })
        let unseen = Set(state.withLock { $0.arrivals.compactMap(\.token) })
        let (entries, takesModified) = unsettled.withLock { unsettled in
            unsettled.count = 0
            unsettled.isClosed = true
            return (exchange(&unsettled.entries, with: []), unsettled.takesModified)
        }
        for (slot, entry) in entries.enumerated() {
            guard let entry else { continue }
            if !takesModified || unseen.contains(Token(slot: slot, serial: entry.serial)) {
                entry.delivery.settle(.released)
            } else {
                entry.delivery.release()
            }
        }
        let waiters = state.withLock { state in
            state.arrivals.removeAll { $0.token != nil }
            return exchange(&state.waiters, with: [])
        }
        // Some waiters have to learn that the link is closed.
        for (_, waiter) in waiters { waiter.resume(()) }
    }

    func ended(_ error: ProtonError) {
        let waiters = state.withLock { state in
            state.end = error
            return exchange(&state.waiters, with: [])
        }
        unsettled.withLock { $0.receiver = nil }
        forget()
        for (_, waiter) in waiters { waiter.resume(()) }
        endDrains()
    }
}
