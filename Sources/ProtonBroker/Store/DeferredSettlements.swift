import DequeModule
import Proton
import Synchronization

/// Deliveries of a link that are settled once the store has written what they brought.
///
/// `@unchecked Sendable`: it is used in the link's home only, but for `storeHasWritten`, which goes there.
final class DeferredSettlements: @unchecked Sendable {
    private struct Entry {
        let ticket: StoreTicket
        let delivery: Delivery
        let state: DeliveryState
    }

    private var entries = Deque<Entry>()
    private let progress: StoreProgress
    private let home: LinkHome
    /// Called in the link's home after some were settled.
    private let settled: () -> Void
    private var isOver = false

    init(_ progress: StoreProgress, home: LinkHome, settled: @escaping () -> Void) {
        self.progress = progress
        self.home = home
        self.settled = settled
    }

    /// How many wait.
    var count: Int { entries.count }

    /// Settles a delivery, now where nothing has to be waited for.
    func settle(_ delivery: Delivery, _ state: DeliveryState, after ticket: StoreTicket) {
        if ticket.isNone { return delivery.settle(state) }
        let isFirst = entries.isEmpty
        entries.append(Entry(ticket: ticket, delivery: delivery, state: state))
        if isFirst { waitForNext() }
    }

    private func waitForNext() {
        while let first = entries.first, !progress.wait(for: first.ticket, self) { settleUp(to: first.ticket) }
    }

    private func settleUp(to ticket: StoreTicket) {
        while let first = entries.first, first.ticket <= ticket {
            entries.removeFirst()
            first.delivery.settle(first.state)
        }
    }

    /// The store has written more. Called on a thread of the store's.
    func storeHasWritten(_ ticket: StoreTicket) {
        home.runLater { [self] in
            guard !isOver else { return }
            settleUp(to: ticket)
            waitForNext()
            settled()
        }
    }

    /// The link is over: what is settled later, nobody hears.
    func end() {
        isOver = true
        entries = []
    }
}

/// How far a broker's store has come, and who waits for that.
final class StoreProgress: Sendable {
    private struct State {
        var written = StoreTicket()
        var waiting: [DeferredSettlements] = []
    }

    private let state = Mutex(State())

    /// Has somebody told once the store has written a change, and then again only if asked again.
    /// - Returns: false where it is written already.
    func wait(for ticket: StoreTicket, _ waiter: DeferredSettlements) -> Bool {
        state.withLock { state in
            guard state.written < ticket else { return false }
            state.waiting.append(waiter)
            return true
        }
    }

    /// The store has written everything up to a change. What waits for a later one is told too, and asks again.
    func advance(to number: UInt64) {
        let ticket = StoreTicket(number)
        let waiting = state.withLock { state in
            state.written = max(state.written, ticket)
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.storeHasWritten(ticket) }
    }
}
