// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities
import Synchronization

/// The messages of an `AMQPSender`: a limited number that wait for credit, and those that wait for their outcome.
final class Outgoing: LinkTraffic {
    /// How much may wait for credit before `submit` waits too.
    struct Bounds: Sendable {
        var messages: Int
        var bytes: Int

        /// No bounds: for callers that wait for the outcome of each message.
        static let none = Bounds(messages: .max, bytes: .max)
    }

    struct Item: Sendable {
        let message: Message
        /// How many bytes the message has.
        let size: Int
        let receipt: SendReceipt
        /// The state that is sent with the message: of a transaction, which ends when the connection is lost.
        let state: DeliveryState?

        /// - Throws: `CodecError` if the message cannot be encoded.
        init(_ message: Message, _ receipt: SendReceipt, state: DeliveryState? = nil) throws(CodecError) {
            self.message = try message.finished()
            size = self.message.encodedSize
            self.receipt = receipt
            self.state = state
        }
    }

    private struct State {
        /// The messages that are not sent, including those that were withdrawn meanwhile.
        var items: Deque<Item> = []
        var bytes = 0
        /// Whether the domain is already scheduled to send the items.
        var isAwaited = false
        var end: ProtonError?
        var roomWaiters: Deque<RoomWaiter> = []
        var lastID: UInt64 = 0
        /// The number of withdrawn messages of all senders when the items were last searched for them.
        var withdrawalCount = 0
    }

    private struct RoomWaiter {
        let waiter: Waiter<ProtonError?>
        /// The receipt of the message that is to be added, if it is one.
        let receipt: SendReceipt?
    }

    private let state = UncheckedMutex(State())
    /// The receipts of the sent messages, by the slots of their deliveries. Used in the domain, and at the link's end.
    private let sent = UncheckedMutex<[SendReceipt?]>([])
    /// The messages that are being sent: the memory is reused. Used in the domain.
    private let sending = UncheckedMutex<Deque<Item>>([])
    private let bounds: Bounds

    init(_ bounds: Bounds) {
        self.bounds = bounds
    }

    // MARK: For the program

    /// The result of an attempt to add items.
    enum Addition {
        /// The items were added; the domain has to be scheduled if it is not already.
        case added(tellsDomain: Bool)
        case full
        case ended(ProtonError)
    }

    /// Adds messages, all or none, if there is room.
    func add(_ items: [Item]) -> Addition {
        state.withLock { state in
            if let end = state.end { return .ended(end) }
            guard hasRoom(&state) else { return .full }
            state.items.append(contentsOf: items)
            for item in items { state.bytes += item.size }
            return .added(tellsDomain: !exchange(&state.isAwaited, with: true))
        }
    }

    /// Adds one message, as `add` of several does.
    func add(_ item: Item) -> Addition {
        state.withLock { state in
            if let end = state.end { return .ended(end) }
            guard hasRoom(&state) else { return .full }
            state.items.append(item)
            state.bytes += item.size
            return .added(tellsDomain: !exchange(&state.isAwaited, with: true))
        }
    }

    /// Whether another message can be added: one that exceeds the bound is added if no message waits.
    private func hasRoom(_ state: inout State) -> Bool {
        if isWithin(state) { return true }
        // Withdrawn messages need no room. To check each item for each of many waiters would cost more than to send it.
        let count = SendReceipt.withdrawalCount.load(ordering: .acquiring)
        guard exchange(&state.withdrawalCount, with: count) != count else { return false }
        removeWithdrawn(&state)
        return isWithin(state)
    }

    private func removeWithdrawn(_ state: inout State) {
        state.items.removeAll { item in
            guard item.receipt.decided != nil else { return false }
            state.bytes -= item.size
            return true
        }
    }

    /// Removes messages that were withdrawn.
    func removeWithdrawn() {
        state.withLock { state in removeWithdrawn(&state) }
    }

    private func isWithin(_ state: borrowing State) -> Bool {
        state.items.count < bounds.messages && state.bytes < bounds.bytes
    }

    /// Waits until there is room.
    ///
    /// A waiter that is resumed and adds nothing calls `passOnRoom`, since only as many are resumed as there is room for.
    /// - Parameter receipt: the receipt of the message, for `endWaitForRoom`.
    /// - Returns: the error that ended the link; nil if there is room, or the task is cancelled.
    func waitForRoom(_ receipt: SendReceipt?) async -> ProtonError? {
        let id = state.withLock { state in
            state.lastID += 1
            return state.lastID
        }
        return await wait(id) { waiter, isCancelled in
            state.withLock { state in
                if let end = state.end { return .ready(end) }
                if isCancelled || receipt?.decided != nil || hasRoom(&state) { return .ready(nil) }
                state.roomWaiters.append(RoomWaiter(waiter: waiter, receipt: receipt))
                return .kept
            }
        } onCancel: { [self] in
            let waiter = state.withLock { state in
                state.roomWaiters.firstIndex { $0.waiter.id == id }.map { state.roomWaiters.remove(at: $0).waiter }
            }
            waiter?.resume(nil)
        }
    }

    /// Ends the wait for room of a message that was withdrawn.
    func endWaitForRoom(_ receipt: SendReceipt) {
        let waiter = state.withLock { state in
            state.roomWaiters.firstIndex { $0.receipt === receipt }.map { state.roomWaiters.remove(at: $0).waiter }
        }
        waiter?.resume(nil)
    }

    /// Wakes the next waiter, if there is room.
    func passOnRoom() {
        let waiter = state.withLock { state in
            state.roomWaiters.isEmpty || !hasRoom(&state) ? nil : state.roomWaiters.removeFirst().waiter
        }
        waiter?.resume(nil)
    }

    /// Whether the link has ended.
    var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// How many messages wait for credit.
    var waitingCount: Int { state.withLock { $0.items.count } }

    // MARK: In the domain

    /// Sends as many messages as there is credit for.
    func pump(_ sender: Sender) {
        var items = sending.withLock { exchange(&$0, with: []) }
        state.withLock { $0.isAwaited = false }
        while sender.credit > 0 {
            let waiters = take(sender.credit, into: &items)
            if items.isEmpty { break }
            let isMuch = items.count > 4_096
            while let item = items.popFirst() {
                if item.receipt.beginSending() { send(item, on: sender) }
            }
            if isMuch { items = [] }
            for waiter in waiters { waiter.resume(nil) }
        }
        sending.withLock { $0 = items }
    }

    /// Takes out as many messages as there is credit for.
    /// - Parameter items: an empty array, which receives them.
    /// - Returns: the waiters for the room that this makes.
    private func take(_ credit: Int, into items: inout Deque<Item>) -> [Waiter<ProtonError?>] {
        state.withLock { state in
            if state.items.count <= credit {
                swap(&state.items, &items)
                state.bytes = 0
            } else {
                let count = min(credit, 256)
                items.append(contentsOf: state.items.prefix(count))
                state.items.removeFirst(count)
                for item in items { state.bytes -= item.size }
            }
            // Only when half is free: waiters are not woken for each message.
            guard !items.isEmpty, !state.roomWaiters.isEmpty, state.items.count <= bounds.messages / 2,
                state.bytes <= bounds.bytes / 2
            else { return [] }
            // And not more waiters than there is room for.
            let count = min(state.roomWaiters.count, max(1, bounds.messages - state.items.count))
            let waiters = state.roomWaiters.prefix(count).map(\.waiter)
            state.roomWaiters.removeFirst(count)
            return waiters
        }
    }

    private func send(_ item: Item, on sender: Sender) {
        do {
            let delivery = try sender.send(item.message, with: item.state)
            guard let slot = delivery.slot else { return item.receipt.decideAsSentSettled() }
            sent.withLock { sent in
                while sent.count <= slot { sent.append(nil) }
                sent[slot] = item.receipt
            }
        } catch {
            item.receipt.decide(.failure(.notSent(error)))
        }
    }

    func attached(_ link: Link) { flow(link) }

    func flow(_ link: Link) {
        if let sender = link as? Sender { pump(sender) }
    }

    func arrived(_ delivery: Delivery) {
        guard let slot = delivery.slot else { return }
        guard delivery.newAcceptance == .none else { return settle(delivery, slot, .success(.accepted)) }
        guard let update = delivery.remoteUpdate() else { return }
        switch update.state {
        case .outcome(let outcome), .transactional(_, let outcome?): settle(delivery, slot, .success(outcome))
        default:
            guard update.isSettled else { return }
            let cause = ProtonError(.inDoubt, "the peer settled the message without an outcome.")
            settle(delivery, slot, .failure(.inDoubt(cause)))
        }
    }

    private func settle(_ delivery: Delivery, _ slot: Int, _ result: Result<Outcome, AMQPSendError>) {
        delivery.settle()
        let receipt = sent.withLock { sent in slot < sent.count ? sent[slot].take() : nil }
        receipt?.decide(result)
    }

    // MARK: Ends

    func interrupted(_ error: ProtonError) {
        let items = state.withLock { state in
            let over = state.items.filter { $0.state != nil }
            guard !over.isEmpty else { return [Item]() }
            state.items.removeAll { $0.state != nil }
            for item in over { state.bytes -= item.size }
            return Array(over)
        }
        for item in items { item.receipt.withdraw(error) }
        let receipts = sent.withLock { exchange(&$0, with: []) }
        for receipt in receipts { receipt?.decide(.failure(.inDoubt(error))) }
    }

    func closing(_ link: Link) {}

    func ended(_ error: ProtonError) {
        let (items, waiters) = state.withLock { state in
            state.end = error
            state.bytes = 0
            return (exchange(&state.items, with: []), exchange(&state.roomWaiters, with: []))
        }
        for item in items { item.receipt.withdraw(error) }
        for waiting in waiters { waiting.waiter.resume(error) }
        interrupted(error)
    }
}
