// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonUtilities

/// What tells a consumer of a queue from the others, as long as it is there.
struct ConsumerID: Hashable, Sendable {
    let index: Int
}

/// What a queue knows of one consumer: what it may be sent, what it is about to be sent, and what it has not settled.
///
/// Its credit formula: at any time
///
///     ready.count + unsettledCount <= maxUnsettled   and   ready.count <= credit
///
/// where `credit` is the link's credit for messages that are not sent yet. A consumer that cannot send now, or has lost
/// its credit, has nothing ready: that goes back to the queue.
struct ConsumerState {
    /// Where the consumer stands among those that wait for messages.
    enum Turn {
        /// It may be sent nothing, or wants nothing of what is there.
        case none
        /// It stands in the line.
        case inLine
        /// It is in the middle of a long search, and goes on once others had their turn.
        case searching
    }

    /// Whether its link takes messages.
    enum Phase: Equatable {
        case open
        /// Its link's socket takes no more for now.
        case blocked
        /// Its link is closed: what it has in transactions is still here.
        case closed
    }

    /// A message that the consumer was sent and has not settled.
    struct Unsettled {
        let message: QueuedMessage
        /// Whether its outcome waits for a transaction to end.
        var isInTransaction = false
    }

    let isBrowser: Bool
    let maxUnsettled: Int
    /// Which messages it takes; nil where it takes any, which goes the shortest way.
    var selection: Selection?
    var phase = Phase.open
    /// How many messages its link has credit for, those that are ready included.
    var credit = 0
    /// Whether the peer wants its credit back that cannot be used now (AMQP 1.0, 2.6.7).
    var isDraining = false
    var turn = Turn.none
    /// The messages that it was chosen for, which its link sends next.
    var ready = Deque<QueuedMessage>()
    /// Whether its link knows that there is something to do, and has not yet found out that there is nothing more.
    var isAwake = false
    /// What it has not settled, by a number that is used again.
    private var slots: [Unsettled?] = []
    private var freeSlots: [Int] = []

    init(selection: Selection?, maxUnsettled: Int) {
        self.selection = selection
        self.maxUnsettled = maxUnsettled
        isBrowser = selection?.isBrowser ?? false
    }

    /// How many messages it has not settled.
    var unsettledCount: Int { slots.count - freeSlots.count }

    /// How many messages are made ready for a link at a time: what is ready for it is not for others.
    private static let readyLimit = 64

    /// How many more messages may be made ready.
    var room: Int {
        guard case .open = phase else { return 0 }
        return min(credit, maxUnsettled - unsettledCount, ConsumerState.readyLimit) - ready.count
    }

    // MARK: Turns

    /// What it does with its turn.
    enum TurnKind {
        case cannotTake, takesAny, selects
    }

    /// Its turn has come: it leaves the line.
    mutating func beginTurn() -> TurnKind {
        turn = .none
        guard room > 0 else { return .cannotTake }
        return selection == nil ? .takesAny : .selects
    }

    /// Makes a message ready for it.
    /// - Returns: whether its link is to be woken, and whether it stands in line for more.
    mutating func give(_ message: consuming QueuedMessage) -> (wakes: Bool, standsInLine: Bool) {
        ready.append(message)
        turn = .none
        return (wake(), enterLine())
    }

    /// Makes messages ready for it as long as it has room, since it is alone in the line.
    /// - Returns: as `give`.
    mutating func fill(from messages: inout MessageList) -> (wakes: Bool, standsInLine: Bool) {
        var count = room
        while count > 0, let message = messages.popFirst() {
            ready.append(message)
            count -= 1
        }
        return (wake(), enterLine())
    }

    /// - Returns: whether its link is to be woken, which it was not before; one that is blocked would not ask what to do.
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

    /// Takes out all that is ready for it, to be sent, which uses its credit.
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

    /// Takes note of a message that is about to be sent, which uses a credit.
    /// - Returns: its number until it is settled; nil of a browser's.
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

    /// Takes out a message that is settled; nil where there is none by that number.
    mutating func remove(_ slot: Int) -> QueuedMessage? {
        guard slots.indices.contains(slot), let unsettled = exchange(&slots[slot], with: nil) else { return nil }
        freeSlots.append(slot)
        return unsettled.message
    }

    /// A message that is not settled.
    subscript(slot: Int) -> Unsettled? { slots.indices.contains(slot) ? slots[slot] : nil }

    /// Notes whether the outcome of a message waits for a transaction.
    mutating func setInTransaction(_ isInTransaction: Bool, _ slot: Int) {
        guard slots.indices.contains(slot) else { return }
        slots[slot]?.isInTransaction = isInTransaction
    }

    /// Takes out all messages whose outcome waits for no transaction, in the order of their places.
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
