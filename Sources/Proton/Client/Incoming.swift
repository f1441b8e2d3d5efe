import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// The messages of an `AMQPReceiver`: those that have come and wait for the program, no more than the peer had credit for,
/// and those that the program has and has not settled.
final class Incoming: LinkTraffic {
    /// Names a delivery of this link until it is settled.
    struct Token: Sendable, Hashable {
        let slot: Int
        let serial: UInt64
    }

    /// What has come, and what the program gets.
    enum Arrival: Sendable {
        /// A message; its token is nil where its sender has settled it.
        case message(Message, Token?)
        case invalid(ProtonError)

        var token: Token? {
            if case .message(_, let token) = self { token } else { nil }
        }
    }

    struct State {
        /// Whether messages are still to come.
        var intake = Intake.open
        var arrivals: Deque<Arrival> = []
        /// What the program says of messages, until the domain tells the peer.
        var settlements: [(Token, DeliveryState)] = []
        /// Whether the domain is going to look at the settlements and the credit.
        var isAwaited = false
        /// How many messages the peer may have sent that are not settled; 0 leaves credit to the program.
        var window: Int
        /// How much credit the program has given by hand, and the domain has not.
        var grant = 0
        /// How many messages that their sender has settled were taken since credit was given last.
        var taken = 0
        /// How many have come, and the sender had settled them, and wait to be taken.
        var settledWaiting = 0
        var end: ProtonError?
        var waiters: Deque<(least: Int, waiter: Waiter<Void>)> = []
        var drains: [Waiter<Void>] = []
        var lastID: UInt64 = 0
    }

    private struct Entry {
        let delivery: Delivery
        let serial: UInt64
    }

    /// What the domain knows: used there, and at the link's end.
    private struct Unsettled {
        /// By the slots of the deliveries.
        var entries: [Entry?] = []
        var count = 0
        var serial: UInt64 = 0
        /// What has come in this batch, and is handed over at its end.
        var fresh: [Arrival] = []
        /// The link, from its first attach to its end.
        var receiver: Receiver?
    }

    let state: UncheckedMutex<State>
    private let unsettled = UncheckedMutex(Unsettled())
    private let title: String

    init(window: Int, title: String) {
        state = UncheckedMutex(State(window: window))
        self.title = title
    }

    // MARK: For the program

    /// What comes next.
    enum Next: Sendable {
        case arrivals([Arrival], tellsDomain: Bool)
        /// Nothing is there, and the task was cancelled, or its time is up.
        case nothing
        case ended(ProtonError)
    }

    /// Takes one message that is there.
    func takeOne() -> (arrival: Arrival, tellsDomain: Bool)? {
        state.withLock { state in
            guard let arrival = state.arrivals.popFirst() else { return nil }
            return (arrival, noteTaken(arrival.token == nil ? 1 : 0, &state))
        }
    }

    /// Takes up to `count` of what has come, where at least `least` of it are there, or nothing more will come.
    func take(_ count: Int, least: Int) -> Next {
        state.withLock { state in
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
            return .arrivals(taken, tellsDomain: noteTaken(taken.count { $0.token == nil }, &state))
        }
    }

    /// Notes that messages were taken which nobody will settle: their credit goes back, half a window at a time.
    /// - Returns: whether the domain has to be told.
    private func noteTaken(_ count: Int, _ state: inout State) -> Bool {
        guard count > 0 else { return false }
        state.taken += count
        state.settledWaiting -= count
        guard state.window > 0, state.taken >= max(1, state.window / 2) else { return false }
        return !exchange(&state.isAwaited, with: true)
    }

    /// Waits until so many messages are there, the link has ended, the task is cancelled, or `stop` is called with the id.
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

    /// Ends a wait.
    func stopWaiting(_ id: UInt64) {
        let waiter: Waiter<Void>? = state.withLock { state in
            state.waiters.firstIndex { $0.waiter.id == id }.map { state.waiters.remove(at: $0).waiter }
        }
        waiter?.resume(())
    }

    func nextID() -> UInt64 {
        state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
    }

    /// Says what becomes of a message.
    /// - Returns: whether the domain has to be told.
    func settle(_ token: Token, _ outcome: DeliveryState) -> Bool {
        state.withLock { state in
            guard state.end == nil else { return false }
            state.settlements.append((token, outcome))
            return !exchange(&state.isAwaited, with: true)
        }
    }

    /// Says what becomes of several messages.
    func settle(_ tokens: some Sequence<Token>, _ outcome: DeliveryState) -> Bool {
        state.withLock { state in
            guard state.end == nil else { return false }
            for token in tokens { state.settlements.append((token, outcome)) }
            return !state.settlements.isEmpty && !exchange(&state.isAwaited, with: true)
        }
    }

    /// Gives credit by hand.
    func grant(_ credit: Int) -> Bool {
        state.withLock { state in
            state.grant += credit
            return !exchange(&state.isAwaited, with: true)
        }
    }

    /// Changes how much may be ahead.
    func setWindow(_ window: Int) -> Bool {
        state.withLock { state in
            state.window = window
            return !exchange(&state.isAwaited, with: true)
        }
    }

    var window: Int { state.withLock(\.window) }

    /// What ended the link; nil while it has not.
    var endError: ProtonError? { state.withLock(\.end) }

    /// How many messages wait for the program.
    var waitingCount: Int { state.withLock { $0.arrivals.count } }

    /// Waits until the peer has given back what credit it does not use; `begin` asks it to, in the domain.
    func waitForDrain(_ begin: () -> Void) async {
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
    }

    // MARK: In the domain

    /// Tells the peer what the program has said, and gives credit.
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

    private func settle(_ settlements: [(Token, DeliveryState)]) {
        unsettled.withLock { unsettled in
            for (token, outcome) in settlements {
                guard token.slot < unsettled.entries.count, let entry = unsettled.entries[token.slot],
                    entry.serial == token.serial
                else { continue }
                unsettled.entries[token.slot] = nil
                unsettled.count -= 1
                if case .outcome(.accepted) = outcome {
                    entry.delivery.acceptWhereUndecided()
                } else {
                    entry.delivery.settle(outcome)
                }
            }
        }
    }

    /// Gives credit up to the window, less what is not settled, when half of it is free.
    private func topUp(_ receiver: Receiver) {
        guard receiver.isLocalOpen, !receiver.awaitsDrainEnd else { return }
        let held = unsettled.withLock(\.count)
        let room = state.withLock { state in
            state.taken = 0
            guard state.intake.isOpen else { return 0 }
            return state.window - held - state.settledWaiting - receiver.credit
        }
        let window = window
        guard window > 0, room >= max(1, window / 2) || (room > 0 && receiver.credit == 0) else { return }
        receiver.grant(room)
    }

    func attached(_ link: Link) {
        guard let receiver = link as? Receiver else { return }
        unsettled.withLock { $0.receiver = receiver }
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
        case .aborted: delivery.settle()
        case .settled, .updated, .incomplete, .nothing: break
        }
        // A drain is over when no credit is left, also where a message used the last.
        if let receiver = delivery.link as? Receiver, receiver.awaitsDrainEnd, receiver.takeDrainEnd() {
            handOver()
            endDrains()
            topUp(receiver)
        }
    }

    private func take(_ delivery: Delivery) {
        do {
            let message = try delivery.takeMessage()
            // One that its sender has settled has no slot to wait in.
            let slot = delivery.isSettled ? nil : delivery.slot
            if slot == nil { delivery.settle() }
            keep(delivery, slot) { .message(message, $0) }
        } catch {
            delivery.settle(.rejected(Condition(.decodeError, "\(error.error)")))
            let error = ProtonError(
                .protocolViolation,
                "\(title): a message that has come is not valid AMQP, and was rejected: \(error.error)",
                underlyingError: error.error)
            keep(delivery, nil) { _ in .invalid(error) }
        }
    }

    /// Keeps what has come until the batch is over: then those who wait are resumed once for all of it. A delivery with a
    /// slot is kept until it is settled.
    @inline(__always)
    private func keep(_ delivery: Delivery, _ slot: Int?, _ arrival: (Token?) -> Arrival) {
        let isFirst = unsettled.withLock { unsettled in
            var token: Token?
            if let slot {
                while unsettled.entries.count <= slot { unsettled.entries.append(nil) }
                unsettled.serial += 1
                unsettled.entries[slot] = Entry(delivery: delivery, serial: unsettled.serial)
                unsettled.count += 1
                token = Token(slot: slot, serial: unsettled.serial)
            }
            unsettled.fresh.append(arrival(token))
            return unsettled.fresh.count == 1
        }
        guard isFirst else { return }
        delivery.connection.workQueue.add { [self] _ in
            let isLate = handOver()
            guard let receiver = unsettled.withLock(\.receiver) else { return }
            // What has come was the last of the credit, and there may be room.
            if isLate { pump(receiver) } else { topUp(receiver) }
        }
    }

    /// Hands over what the batch has brought.
    /// - Returns: whether some of it came after the end, and is to be given back.
    @discardableResult
    private func handOver() -> Bool {
        var fresh = unsettled.withLock { exchange(&$0.fresh, with: []) }
        var isLate = false
        let waiters: [Waiter<Void>] = state.withLock { state in
            if case .finished = state.intake {
                for arrival in fresh {
                    if let token = arrival.token { state.settlements.append((token, .released)) }
                }
                fresh.removeAll { $0.token != nil }
                isLate = true
            }
            state.arrivals.append(contentsOf: fresh)
            for arrival in fresh where arrival.token == nil { state.settledWaiting += 1 }
            // Each for whom there is enough, in their order: one who wants many does not hold up the others.
            var left = state.arrivals.count
            let ready = state.waiters.filter { waiting in
                guard waiting.least <= left else { return false }
                left -= waiting.least
                return true
            }
            guard !ready.isEmpty else { return [] }
            let ids = Set(ready.map(\.waiter.id))
            state.waiters.removeAll { ids.contains($0.waiter.id) }
            return ready.map(\.waiter)
        }
        for waiter in waiters { waiter.resume(()) }
        return isLate
    }

    // MARK: Ends

    /// The peer sends again what was not settled.
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
            // What their senders have settled is nowhere else.
            state.arrivals.removeAll { $0.token != nil }
            state.settlements = []
        }
    }

    /// Tells the peer what was said last, and gives back what nobody has settled: what the program has not seen as it came,
    /// what it has seen as tried.
    func closing(_ link: Link) {
        guard let receiver = link as? Receiver else { return }
        handOver()
        pump(receiver)
        let unseen = Set(state.withLock { $0.arrivals.compactMap(\.token) })
        let entries = unsettled.withLock { unsettled in
            unsettled.count = 0
            return exchange(&unsettled.entries, with: [])
        }
        for (slot, entry) in entries.enumerated() {
            guard let entry else { continue }
            if unseen.contains(Token(slot: slot, serial: entry.serial)) {
                entry.delivery.settle(.released)
            } else {
                entry.delivery.release()
            }
        }
        state.withLock { state in state.arrivals.removeAll { $0.token != nil } }
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
