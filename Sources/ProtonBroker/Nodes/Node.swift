import Proton
import ProtonEngine
import ProtonUtilities
import Synchronization

/// What an address names: a queue, and the links that are attached to it.
///
/// Each of the broker's threads may call it: the queue is under a lock, which is never held while a link is used.
final class Node: Sendable {
    /// What a node is for.
    enum Kind: Sendable {
        /// A queue with a name.
        case queue(isExclusive: Bool)
        /// A queue that goes with the link that it was made for.
        case dynamic
        /// What one subscriber has of topics.
        case subscription(Subscription)
    }

    /// The name that links attach to: opaque bytes that mean nothing to the broker.
    let address: String
    let kind: Kind
    private let support: NodeSupport
    /// Whether messages that are to survive the broker do.
    private let isDurable: Bool
    private let state: Mutex<State>

    /// - Parameter stored: the node as the store has it, where it comes from there.
    init(address: String, kind: Kind, limits: QueueLimits, support: NodeSupport, stored: StoredQueue? = nil) {
        self.address = address
        self.kind = kind
        self.support = support
        isDurable =
            switch kind {
            case .queue: support.store != nil
            case .dynamic: false
            case .subscription(let subscription): subscription.isDurable && support.store != nil
            }
        state = Mutex(State(queue: Queue(limits: limits, clock: support.clock), storedID: stored?.id))
    }

    deinit {
        state.withLock { state in
            support.budget.giveBack(state.queue.heldBytes)
            support.received.wrappingAdd(state.queue.arrivals, ordering: .relaxed)
            support.removed.wrappingAdd(state.queue.departures, ordering: .relaxed)
        }
    }

    /// Whether nothing would be lost if the node were forgotten.
    var isEmpty: Bool { state.withLock { $0.queue.heldMessages == 0 } }

    var status: QueueStatus {
        state.withLock { state in
            let senders = state.links.values.count { $0.role == .sender }
            return QueueStatus(
                address: address, waiting: state.queue.waitingCount,
                unsettled: state.queue.heldMessages - state.queue.waitingCount, bytes: state.queue.heldBytes,
                consumers: state.links.count - senders, senders: senders, received: state.queue.arrivals,
                removed: state.queue.departures)
        }
    }

    // MARK: Links

    /// Takes a link in, or notes it for when a link of the same subscriber's is over, which it steals (AMQP 1.0, 2.6.1).
    /// - Returns: the links that have to give way first; the node then tells the new one that its turn has come.
    /// - Throws: where the node is another consumer's alone, or just gone.
    func attach(_ link: any AttachedLink) throws(Refusal) -> [any AttachedLink] {
        let rivals = try state.withLock { state throws(Refusal) -> [any AttachedLink] in
            if state.isGone { throw gone }
            if link.isSubscriber, let old = state.links.values.first(where: \.isSubscriber) {
                // One that waits already has nothing to wait for any more.
                let waiting = exchange(&state.successor, with: link)
                return [waiting, old].compactMap(\.self)
            }
            if isExclusive, link.role == .consumer, state.links.values.contains(where: { $0.role == .consumer }) {
                throw Refusal(.resourceLocked, "\(address) is another consumer's alone as long as that is attached.")
            }
            state.links[ObjectIdentifier(link)] = link
            return []
        }
        support.changes.note()
        return rivals
    }

    private var isExclusive: Bool {
        if case .queue(let isExclusive) = kind { isExclusive } else { false }
    }

    func detach(_ link: any AttachedLink) {
        let successor: (any AttachedLink)? = state.withLock { state in
            state.links[ObjectIdentifier(link)] = nil
            guard let successor = state.successor else { return nil }
            if successor === link {
                state.successor = nil
                return nil
            }
            guard !state.links.values.contains(where: \.isSubscriber) else { return nil }
            state.successor = nil
            state.links[ObjectIdentifier(successor)] = successor
            return successor
        }
        successor?.itsTurnHasCome()
        support.changes.note()
    }

    /// Takes no more messages, closes every link, and has the store forget it: the node is gone.
    /// - Parameter isReplaced: whether a subscriber has another one now, by the same link.
    func delete(isReplaced: Bool = false) {
        let links = state.withLock { state in
            state.isGone = true
            if let id = exchange(&state.storedID, with: nil) { _ = support.store?.write(.removeQueue(id: id)) }
            letGoOfAll(&state)
            let successor = exchange(&state.successor, with: nil)
            return Array(state.links.values) + [successor].compactMap(\.self)
        }
        for link in links {
            if isReplaced, link.isSubscriber { link.giveWay() } else { link.closeSinceDeleted() }
        }
        support.changes.note()
    }

    /// What the peers of a node that is gone are told.
    static var deleted: Condition {
        Condition(.resourceDeleted, "The node is gone with the link that it was made for.")
    }

    /// What is said of the node once the broker has forgotten it.
    private var gone: Refusal { Refusal(.notFound, "There is no node \(address) any more.") }

    // MARK: Messages in

    /// Takes a message, and sends on what can be sent.
    /// - Returns: where the message is kept in the store, the number of that change.
    /// - Throws: where the queue, or the broker, is too full to take it.
    func put(_ bytes: [UInt8]) throws(Refusal) -> StoreTicket {
        let (errands, ticket, dropped) = try state.withLock { state throws(Refusal) in
            let dropped = try reserve(bytes, &state)
            let ticket = enqueue(bytes, &state)
            return (dispatch(&state), ticket, dropped)
        }
        errands?.run()
        if dropped > 0 { noteDropped(dropped) }
        support.changes.note()
        return ticket
    }

    /// Keeps room for a message of a transaction.
    /// - Throws: where the queue, or the broker, is too full.
    func reserve(_ bytes: [UInt8]) throws(Refusal) {
        let dropped = try state.withLock { state throws(Refusal) in try reserve(bytes, &state) }
        if dropped > 0 { noteDropped(dropped) }
    }

    /// - Returns: how many messages were dropped to make room.
    private func reserve(_ bytes: [UInt8], _ state: inout State) throws(Refusal) -> Int {
        guard !state.isGone else { throw gone }
        guard support.budget.hasRoom, state.queue.reserve(bytes.count) else {
            throw Refusal(.resourceLimitExceeded, "The queue is full, or the broker: send again later.")
        }
        support.budget.take(bytes.count)
        let dropped = state.queue.dropped.count
        if dropped > 0 { letGoOfDropped(&state) }
        return dropped
    }

    /// Says in the log that messages were lost; not under the lock, since a log may take its time.
    private func noteDropped(_ count: Int) {
        support.limitLog.note(
            .drop, subscription == nil ? "The queue is full." : "Its subscriber is too slow.",
            address: subscription?.address ?? address, count: count)
    }

    /// Takes a message that there is room kept for; returns as `put` does.
    func putReserved(_ bytes: [UInt8]) -> StoreTicket {
        let (errands, ticket) = state.withLock { state in
            let ticket = enqueue(bytes, &state)
            return (dispatch(&state), ticket)
        }
        errands?.run()
        support.changes.note()
        return ticket
    }

    private func enqueue(_ bytes: [UInt8], _ state: inout State) -> StoreTicket {
        let storedPlace = state.queue.enqueueReserved(bytes, keepsDurable: isDurable)
        guard let storedPlace, let store = support.store, let id = storedID(&state, store) else {
            return StoreTicket()
        }
        return StoreTicket(
            store.write(
                .add(
                    StoredMessage(
                        queue: id, place: storedPlace,
                        arrival: Timestamp(milliseconds: support.clock.timeOfDay), bytes: bytes))))
    }

    /// The node's number in the store, where it is made now at the latest; nil once the node is gone from there.
    private func storedID(_ state: inout State, _ store: any MessageStore) -> UInt64? {
        if state.isGone { return nil }
        if let id = state.storedID { return id }
        let id = support.newStoredID()
        state.storedID = id
        var queue = StoredQueue(id: id, address: address)
        if case .subscription(let subscription) = kind { queue.details = subscription.details }
        _ = store.write(.makeQueue(queue))
        return id
    }

    /// Has the store keep the node also while it is empty.
    func store() {
        guard isDurable, let store = support.store else { return }
        state.withLock { _ = storedID(&$0, store) }
    }

    /// Puts a message back that the store has kept.
    func restore(_ message: StoredMessage) {
        support.budget.take(message.bytes.count)
        state.withLock { state in
            state.queue.restore(message)
            arrangeWake(&state)
        }
    }

    /// Gives up the room that was kept for a message.
    func unreserve(_ bytes: [UInt8]) {
        support.budget.giveBack(bytes.count)
        state.withLock { $0.queue.unreserve(bytes.count) }
    }

    // MARK: Messages out

    /// Sends messages to consumers until one of the two runs out.
    func dispatch() {
        state.withLock { dispatch(&$0) }?.run()
    }

    private func dispatch(_ state: inout State) -> Errands? {
        if state.queue.isTimed {
            state.queue.advance()
            if !state.queue.dropped.isEmpty { letGoOfDropped(&state) }
            arrangeWake(&state)
        }
        return state.dispatch()
    }

    /// Time has passed: there may be messages to let in, or to drop.
    func timeHasCome() {
        state.withLock { state in
            state.wakeTime = nil
            return dispatch(&state)
        }?.run()
        support.changes.note()
    }

    private func arrangeWake(_ state: inout State) {
        guard let time = state.queue.nextTime, time < state.wakeTime ?? .max else { return }
        state.wakeTime = time
        support.timetable.wake(self, at: time)
    }

    /// Ends what a consumer had to do with a message.
    /// - Returns: the number of the change that the store has to write for that.
    func settle(_ message: QueuedMessage, _ disposal: Disposal) -> StoreTicket {
        let (errands, ticket) = state.withLock { state in
            let ticket = settle(message, disposal, &state)
            return (disposal == .removed ? state.relieve() : dispatch(&state), ticket)
        }
        errands?.run()
        support.changes.note()
        return ticket
    }

    /// Ends what a consumer had to do with a message that was settled as it was sent, or was not sent after all.
    func settleAtOnce(_ message: QueuedMessage, _ disposal: Disposal) {
        state.withLock { _ = settle(message, disposal, &$0) }
    }

    private func settle(_ message: QueuedMessage, _ disposal: Disposal, _ state: inout State) -> StoreTicket {
        state.queue.settle(message, disposal)
        return disposal == .removed ? letGo(of: message, state.storedID) : storeChanged(&state)
    }

    /// Has the store keep what is new of messages that came back.
    private func storeChanged(_ state: inout State) -> StoreTicket {
        if state.queue.changed.isEmpty { return StoreTicket() }
        let messages = exchange(&state.queue.changed, with: [])
        guard let storedID = state.storedID, let store = support.store else { return StoreTicket() }
        return messages.reduce(StoreTicket()) { ticket, message in
            let change = StoreChange.update(queue: storedID, place: message.place, details: message.details)
            return max(ticket, StoreTicket(store.write(change)))
        }
    }

    private func letGoOfDropped(_ state: inout State) {
        for message in exchange(&state.queue.dropped, with: []) { _ = letGo(of: message, state.storedID) }
    }

    /// Gives the room of what waits back: others may know a node for some time that is gone.
    private func letGoOfAll(_ state: inout State) {
        state.queue.dropAll()
        letGoOfDropped(&state)
    }

    /// A message has left the queue for good.
    private func letGo(of message: QueuedMessage, _ storedID: UInt64?) -> StoreTicket {
        support.budget.giveBack(message.bytes.count)
        guard message.isStored, let storedID, let store = support.store else { return StoreTicket() }
        return StoreTicket(store.write(.remove(queue: storedID, place: message.place)))
    }

    // MARK: Consumers and credit

    /// Sets how many messages a consumer may be sent, those in its outbox included.
    func setCredit(_ credit: Int, of consumer: OutgoingLink) {
        state.withLock { $0.queue.setCredit(credit - consumer.outbox.count, of: consumer) }
    }

    /// The next message of a consumer's outbox, and whether there are more.
    func takeNext(of consumer: OutgoingLink) -> (QueuedMessage, hasMore: Bool)? {
        state.withLock { _ in consumer.takeNext() }
    }

    /// Whether a consumer has not looked at all the messages yet that it could be sent.
    func isSearching(for consumer: OutgoingLink) -> Bool {
        state.withLock { _ in consumer.turn == .searching }
    }

    /// Goes on with the search for a consumer.
    func search(for consumer: OutgoingLink) {
        state.withLock { state in
            state.queue.resume(consumer)
            return dispatch(&state)
        }?.run()
    }

    /// Takes note of a consumer that is new.
    func add(_ consumer: OutgoingLink) {
        state.withLock { $0.queue.addChooser(consumer) }
    }

    /// Keeps a message, which is about to come back, from a consumer that cannot process it.
    func keep(_ message: QueuedMessage, from consumer: OutgoingLink) {
        state.withLock { $0.queue.keep(message, from: consumer) }
    }

    /// Takes a consumer away, and gives what it had not settled to others.
    func remove(_ consumer: OutgoingLink, failed: Bool) {
        state.withLock { state in
            state.queue.remove(consumer, failed: failed)
            _ = storeChanged(&state)
            if state.isGone { letGoOfAll(&state) }
        }
        dispatch()
    }

    /// How much credit a sender may have, where it would have `window` at best; where that is none, the sender hears
    /// when there is room again.
    func allowance(of window: Int, for link: IncomingLink) -> Int {
        state.withLock { state in
            let allowance = state.queue.allowance(of: window)
            if allowance == 0, !state.waiting.contains(where: { $0 === link }) { state.waiting.append(link) }
            return allowance
        }
    }

    /// Forgets a sender that is over.
    func stopWaiting(_ link: IncomingLink) {
        state.withLock { $0.waiting.removeAll { $0 === link } }
    }
}
