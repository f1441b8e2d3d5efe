// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// The messages of an `AMQPReceiver`: those that have arrived and wait for the program, limited by the credit, and those that the
/// program holds and has not settled.
final class Incoming: LinkTraffic {
    /// Identifies a delivery of this link until it is settled.
    struct Token: Sendable, Hashable {
        let slot: Int
        let serial: UInt64
    }

    /// A message that has arrived.
    struct Arrival: Sendable {
        let messages: EncodedMessages
        let index: Int

        /// Nil if the sender sent the message settled.
        var token: Token? { messages.entries[index].token }

        func message() throws(InvalidMessage) -> Message { try messages.message(index) }
    }

    /// A settlement by the program, for one or more messages.
    struct Settlement {
        var tokens: [Token]
        let state: DeliveryState

        var accepts: Bool { if case .outcome(.accepted) = state { true } else { false } }
    }

    /// When a message that has arrived makes room for another one.
    enum Room {
        /// When it is settled: messages that the program holds count too.
        case uponSettlement
        /// When the program takes it: without a waiting call, no more than the window arrives.
        case uponReceipt
    }

    struct State {
        /// Whether more messages are expected.
        var intake = Intake.open
        var arrivals: Deque<Arrival> = []
        /// The errors of invalid messages, which were rejected: the next calls that take messages throw them.
        var invalid: Deque<ProtonError> = []
        /// The program's settlements that the domain has not sent to the peer yet.
        var settlements: [Settlement] = []
        /// Whether the domain is already scheduled to handle settlements and credit.
        var isAwaited = false
        /// How many unsettled messages the peer may send; 0 leaves credit to the program.
        var window: Int
        /// How much credit the program has granted and the domain has not given yet.
        var grant = 0
        /// How many messages that make room were taken since credit was given last.
        var taken = 0
        /// How many messages that the sender sent settled wait to be taken.
        var settledWaiting = 0
        var end: ProtonError?
        var waiters: Deque<(least: Int, waiter: Waiter<Void>)> = []
        /// The largest number of waiting calls since credit was given last.
        var asked = 0
        var drains: [Waiter<Void>] = []
        var lastID: UInt64 = 0

        /// Adds the outcome of a message; consecutive accepted messages share one settlement.
        mutating func note(_ token: Token, _ outcome: DeliveryState) {
            if case .outcome(.accepted) = outcome, let last = settlements.indices.last, settlements[last].accepts {
                settlements[last].tokens.append(token)
            } else {
                settlements.append(Settlement(tokens: [token], state: outcome))
            }
        }

        /// Takes out each waiter for which there are enough messages, in order: a waiter for many messages does not block the
        /// others.
        mutating func takeReady() -> [Waiter<Void>] {
            var left = arrivals.count
            let ready = waiters.filter { waiting in
                guard waiting.least <= left else { return false }
                left -= waiting.least
                return true
            }
            guard !ready.isEmpty else { return [] }
            let ids = Set(ready.map(\.waiter.id))
            waiters.removeAll { ids.contains($0.waiter.id) }
            return ready.map(\.waiter)
        }
    }

    struct Entry {
        let delivery: Delivery
        let serial: UInt64
    }

    /// The state of the domain: used there, and at the link's end.
    struct Unsettled {
        /// Indexed by the slots of the deliveries.
        var entries: [Entry?] = []
        var count = 0
        var serial: UInt64 = 0
        /// The messages of this batch, which are handed over at its end.
        var fresh = IncomingBytes()
        /// The link, from its first attach to its end.
        var receiver: Receiver?
        /// Whether the peer's source takes the outcome modified (AMQP 1.0, 3.5.3): RabbitMQ 3 ends the session for it.
        var takesModified = true
        /// Whether the program has closed the link: messages that still arrive are released.
        var isClosed = false

        /// Keeps a delivery until it is settled.
        mutating func keep(_ delivery: Delivery, in slot: Int) -> Token {
            while entries.count <= slot { entries.append(nil) }
            serial += 1
            entries[slot] = Entry(delivery: delivery, serial: serial)
            count += 1
            return Token(slot: slot, serial: serial)
        }

        /// Takes out a delivery that is to be settled; nil if it is settled already, or was lost with its connection.
        mutating func take(_ token: Token) -> Delivery? {
            guard token.slot < entries.count, let entry = entries[token.slot], entry.serial == token.serial else {
                return nil
            }
            entries[token.slot] = nil
            count -= 1
            return entry.delivery
        }
    }

    let state: UncheckedMutex<State>
    let unsettled = UncheckedMutex(Unsettled())
    let room: Room
    let title: String

    init(window: Int, title: String, room: Room = .uponSettlement) {
        state = UncheckedMutex(State(window: window))
        (self.title, self.room) = (title, room)
    }

    // MARK: For the program

    /// The next messages, or why there are none.
    enum Next: Sendable {
        case arrivals([Arrival], tellsDomain: Bool)
        case invalid(ProtonError)
        /// No message is pending, and the task was cancelled or its time-out expired.
        case nothing
        case ended(ProtonError)
    }

    /// Takes one pending message, unless an error has to be thrown first.
    func takeOne() -> (arrival: Arrival, tellsDomain: Bool)? {
        state.withLock { state in
            guard state.invalid.isEmpty, let arrival = state.arrivals.popFirst() else { return nil }
            return (arrival, noteTaken(1, settled: arrival.token == nil ? 1 : 0, &state))
        }
    }

    /// Takes up to `count` pending messages, if there are at least `least`, or no more will arrive.
    func take(_ count: Int, least: Int) -> Next {
        state.withLock { state in
            if let error = state.invalid.popFirst() { return .invalid(error) }
            let end = state.endOfMessages
            guard state.arrivals.count >= least || (end != nil && !state.arrivals.isEmpty) else {
                return end.map(Next.ended) ?? .nothing
            }
            let taken: [Arrival]
            if state.arrivals.count <= count {
                taken = Array(exchange(&state.arrivals, with: []))
            } else {
                taken = Array(state.arrivals.prefix(count))
                state.arrivals.removeFirst(taken.count)
            }
            let settled = taken.count { $0.token == nil }
            return .arrivals(taken, tellsDomain: noteTaken(taken.count, settled: settled, &state))
        }
    }

    /// Counts the messages that were taken. Those that make room by that, since they are settled already or since all messages
    /// do, are given new credit when they are half a window.
    /// - Returns: whether the domain has to be scheduled.
    private func noteTaken(_ count: Int, settled: Int, _ state: inout State) -> Bool {
        state.settledWaiting -= settled
        let (count, half) =
            switch room {
            case .uponSettlement: (settled, state.window / 2)
            case .uponReceipt: (count, (state.window + 1) / 2)
            }
        guard count > 0 else { return false }
        state.taken += count
        guard state.window > 0, state.taken >= max(1, half) else { return false }
        return !exchange(&state.isAwaited, with: true)
    }

    /// Waits until `least` messages are pending, the link has ended, the task is cancelled, or `stopWaiting` is called with the
    /// id.
    func waitForArrivals(_ least: Int, id: UInt64, orUntil isOver: () -> Bool) async {
        await wait(id) { waiter, isCancelled in
            state.withLock { state in
                if isCancelled || isOver() || state.endOfMessages != nil || state.arrivals.count >= least {
                    return .ready(())
                }
                state.waiters.append((least, waiter))
                return .kept
            }
        } onCancel: { [self] in
            stopWaiting(id)
        }
    }

    /// Blocks the thread until a message is pending, or the link is closed or has ended.
    /// - Parameter ask: has the domain give credit for the waiting calls, if the window is smaller.
    /// - Returns: false if the deadline has passed.
    func waitForArrival(until deadline: Deadline, _ ask: () -> Void) -> Bool {
        let id = nextID()
        let hasChanged: Void? = waitBlocking(id, until: deadline) { waiter in
            let (waiting, asks): (Waiting<Void>, Bool) = state.withLock { state in
                if state.end != nil || !state.arrivals.isEmpty { return (.ready(()), false) }
                state.waiters.append((1, waiter))
                state.asked = max(state.asked, state.waiters.count)
                return (.kept, state.asked > state.window && !exchange(&state.isAwaited, with: true))
            }
            if asks { ask() }
            return waiting
        } onTimeout: {
            removeWaiter(id) != nil
        }
        return hasChanged != nil
    }

    private func removeWaiter(_ id: UInt64) -> Waiter<Void>? {
        state.withLock { state in
            state.waiters.firstIndex { $0.waiter.id == id }.map { state.waiters.remove(at: $0).waiter }
        }
    }

    /// Wakes the waiters for the pending messages: a waiter that was woken for them may have been cancelled meanwhile.
    func passOn() {
        let waiters = state.withLock { $0.arrivals.isEmpty ? [] : $0.takeReady() }
        for waiter in waiters { waiter.resume(()) }
    }

    /// Ends a wait.
    func stopWaiting(_ id: UInt64) { removeWaiter(id)?.resume(()) }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Settles a message.
    /// - Returns: whether the domain has to be scheduled.
    func settle(_ token: Token, _ outcome: DeliveryState) -> Bool {
        state.withLock { state in
            guard state.end == nil else { return false }
            state.note(token, outcome)
            return !exchange(&state.isAwaited, with: true)
        }
    }

    /// Settles several messages.
    func settle(_ tokens: [Token], _ outcome: DeliveryState) -> Bool {
        state.withLock { state in
            guard state.end == nil, !tokens.isEmpty else { return false }
            state.settlements.append(Settlement(tokens: tokens, state: outcome))
            return !exchange(&state.isAwaited, with: true)
        }
    }

    /// Keeps the error of an invalid message, which the next call that takes messages throws.
    func keep(invalid error: ProtonError) {
        state.withLock { $0.invalid.append(error) }
    }

    func takeInvalid() -> ProtonError? { state.withLock { $0.invalid.popFirst() } }

    /// Adds credit that the program grants.
    func grant(_ credit: Int) -> Bool {
        state.withLock { state in
            state.grant += credit
            return !exchange(&state.isAwaited, with: true)
        }
    }

    /// Changes the window.
    func setWindow(_ window: Int) -> Bool {
        state.withLock { state in
            state.window = window
            return !exchange(&state.isAwaited, with: true)
        }
    }

    var window: Int { state.withLock { $0.window } }

    /// The error that ended the link; nil while it has not ended.
    var endError: ProtonError? { state.withLock { $0.end } }

    /// Drops the pending messages, which the program does not want.
    func discard() {
        state.withLock { $0.arrivals = [] }
    }

    /// How many messages wait for the program.
    var waitingCount: Int { state.withLock { $0.arrivals.count } }

    /// Waits until the peer has returned the unused credit; `begin` asks it to, in the domain.
    /// - Throws: the error that ended the link before; `CancellationError`.
    func waitForDrain(_ begin: () -> Void) async throws {
        let id = nextID()
        await wait(id) { waiter, isCancelled in
            let kept: Waiting<Void> = state.withLock { state in
                if isCancelled || state.end != nil { return .ready(()) }
                state.drains.append(waiter)
                return .kept
            }
            if case .kept = kept { begin() }
            return kept
        } onCancel: { [self] in
            let waiter = state.withLock { state in
                state.drains.firstIndex { $0.id == id }.map { state.drains.remove(at: $0) }
            }
            waiter?.resume(())
        }
        if let end = state.withLock({ $0.end }) { throw end }
        try Task.checkCancellation()
    }
}
