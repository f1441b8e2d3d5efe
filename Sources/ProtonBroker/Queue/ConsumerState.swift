// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonUtilities

/// Identifies a consumer among those of a queue, until it is removed.
struct ConsumerID: Hashable, Sendable {
    let index: Int
}

/// The state of one consumer in a queue: its credit, the messages that are ready for it, and its unsettled messages.
///
/// The credit invariant: at any time
///
///     ready.count + unsettledCount <= maxUnsettled   and   ready.count <= credit
///
/// where `credit` is the link's credit for messages that are not sent yet. A consumer that cannot send now, or has lost its
/// credit, has no ready messages: they return to the queue.
struct ConsumerState {
    /// The consumer's state in the line of those that wait for messages.
    enum Turn {
        /// It can take no messages, or none of the pending ones matches.
        case none
        /// It is in the line.
        case inLine
        /// It is in the middle of a long search, which continues after other work.
        case searching
    }

    /// Whether its link can send messages.
    enum Phase: Equatable {
        case open
        /// Its link's socket accepts no more bytes for now.
        case blocked
        /// Its link is closed: only its messages in transactions are left.
        case closed
    }

    /// A message that was sent to the consumer and is not settled.
    struct Unsettled {
        let message: QueuedMessage
        /// Whether its outcome waits for the end of a transaction.
        var isInTransaction = false
    }

    let isBrowser: Bool
    let maxUnsettled: Int
    /// Which messages it takes; nil if it takes all, which is the fastest case.
    var selection: Selection?
    var phase = Phase.open
    /// How many messages its link has credit for, including those that are ready.
    var credit = 0
    /// Whether the peer drains: it wants its unused credit back (AMQP 1.0, 2.6.7).
    var isDraining = false
    var turn = Turn.none
    /// The messages that were assigned to it, which its link sends next.
    var ready = Deque<QueuedMessage>()
    /// Whether its link has been woken, and has not yet found that there is nothing more to do.
    var isAwake = false
    /// The unsettled messages, by numbers that are reused.
    private var slots: [Unsettled?] = []
    private var freeSlots: [Int] = []

    init(selection: Selection?, maxUnsettled: Int) {
        self.selection = selection
        self.maxUnsettled = maxUnsettled
        isBrowser = selection?.isBrowser ?? false
    }

    /// The number of its unsettled messages.
    var unsettledCount: Int { slots.count - freeSlots.count }

    /// How many messages are made ready for a link at a time: other consumers cannot get them.
    private static let readyLimit = 64

    /// How many more messages may be made ready.
    var room: Int {
        guard case .open = phase else { return 0 }
        return min(credit, maxUnsettled - unsettledCount, ConsumerState.readyLimit) - ready.count
    }

    // MARK: Turns in the line

    /// What it can do with its turn.
    enum TurnKind {
        case cannotTake, takesAny, selects
    }

    /// Begins its turn: it leaves the line.
    mutating func beginTurn() -> TurnKind {
        turn = .none
        guard room > 0 else { return .cannotTake }
        return selection == nil ? .takesAny : .selects
    }

    /// Makes a message ready for it.
    /// - Returns: whether its link has to be woken, and whether it is in the line for more.
    mutating func give(_ message: consuming QueuedMessage) -> (wakes: Bool, standsInLine: Bool) {
        ready.append(message)
        turn = .none
        return (wake(), enterLine())
    }

    /// Makes messages ready for it as long as it has room, since it is the only one in the line.
    /// - Returns: as `give`.
    mutating func fill(from messages: inout MessageList) -> (wakes: Bool, standsInLine: Bool) {
        var count = room
        while count > 0, let message = messages.popFirst() {
            ready.append(message)
            count -= 1
        }
        return (wake(), enterLine())
    }

    /// - Returns: whether its link has to be woken; one that is awake or blocked is not.
    mutating func wake() -> Bool {
        guard phase == .open else { return false }
        return !exchange(&isAwake, with: true)
    }

    /// - Returns: whether it enters the line now.
    mutating func enterLine() -> Bool {
        guard turn == .none, room > 0 else { return false }
        turn = .inLine
        return true
    }

    // MARK: Sending

    /// Takes out all messages that are ready for it, to be sent, which uses its credit.
    /// - Returns: the messages that have expired meanwhile.
    mutating func takeReady(_ outgoing: inout [QueueState.Outgoing], clock: QueueClock) -> [QueuedMessage] {
        var expired: [QueuedMessage] = []
        while let message = ready.popFirst() {
            if let expiry = message.expiry, expiry <= clock.now {
                if !isBrowser { expired.append(message) }
            } else {
                outgoing.append(QueueState.Outgoing(message: message, slot: take(message)))
            }
        }
        return expired
    }

    /// Uses a credit for a message that is about to be sent.
    /// - Returns: its number until it is settled; nil for a browser.
    private mutating func take(_ message: QueuedMessage) -> Int? {
        credit -= 1
        return isBrowser ? nil : hold(message)
    }

    // MARK: Unsettled messages

    /// Keeps a message until it is settled.
    /// - Returns: its number.
    private mutating func hold(_ message: QueuedMessage) -> Int {
        if let slot = freeSlots.popLast() {
            slots[slot] = Unsettled(message: message)
            return slot
        }
        slots.append(Unsettled(message: message))
        return slots.count - 1
    }

    /// Removes a message that is settled; nil if there is none with that number.
    mutating func remove(_ slot: Int) -> QueuedMessage? {
        guard slots.indices.contains(slot), let unsettled = exchange(&slots[slot], with: nil) else { return nil }
        freeSlots.append(slot)
        return unsettled.message
    }

    /// A message that is not settled.
    subscript(slot: Int) -> Unsettled? { slots.indices.contains(slot) ? slots[slot] : nil }

    /// Sets whether the outcome of a message waits for a transaction.
    mutating func setInTransaction(_ isInTransaction: Bool, _ slot: Int) {
        guard slots.indices.contains(slot) else { return }
        slots[slot]?.isInTransaction = isInTransaction
    }

    /// Removes all messages whose outcome does not wait for a transaction, in the order of their places.
    mutating func removeAll() -> [QueuedMessage] {
        var removed: [QueuedMessage] = []
        for slot in slots.indices {
            guard let unsettled = slots[slot], !unsettled.isInTransaction else { continue }
            removed.append(unsettled.message)
            slots[slot] = nil
            freeSlots.append(slot)
        }
        return removed.sorted { $0.place < $1.place }
    }
}
