// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// A queue's state, the clock that it goes by, and what its changes have asked for.
struct QueueHarness {
    /// A message that a consumer was sent.
    struct Sent {
        let outgoing: QueueState.Outgoing
        let consumer: ConsumerID

        var message: QueuedMessage { outgoing.message }
        /// The queue's number of the unsettled message; nil for a browser's copy.
        var slot: Int? { outgoing.slot }
    }

    let clock: TestClock
    var state: QueueState
    /// The consumers that were woken and have not been asked for what they do next.
    var woken: [ConsumerID] = []
    /// The consumers whose search goes on later.
    var searching: [ConsumerID] = []
    var grants: [(producer: ProducerID, count: Int)] = []
    var returns: [ProducerID] = []
    var deadLetters: [(message: QueuedMessage, reason: DeadLetterReason)] = []
    var drops: [QueueEffects.DropReason: Int] = [:]
    var oversized = 0
    var changes: [StoreChange] = []
    var wakeTime: Int64?

    init(
        limits: QueueLimits = QueueLimits(), isStored: Bool = false,
        _ configure: (inout QueueSettings) -> Void = { _ in }
    ) {
        var settings = QueueSettings(address: "q", limits: limits)
        settings.redelivery.delay = .zero
        configure(&settings)
        clock = TestClock()
        state = QueueState(settings, clock: QueueClock(clock), isStored: isStored)
    }

    /// Changes the state, and keeps what that asks for.
    @discardableResult
    mutating func change<Result>(_ body: (inout QueueState, inout QueueEffects) -> Result) -> Result {
        var effects = QueueEffects()
        let result = body(&state, &effects)
        if let consumer = effects.woken { woken.append(consumer) }
        guard let more = effects.more else { return result }
        woken += more.woken
        searching += more.searching
        grants += more.grants
        returns += more.returns
        deadLetters += more.deadLetters
        drops.merge(more.drops) { $0 + $1 }
        oversized += more.oversized
        changes += more.changes
        wakeTime = more.wakeTime ?? wakeTime
        return result
    }

    // MARK: Messages in

    /// Brings a message.
    /// - Returns: why it is not taken.
    @discardableResult
    mutating func put(_ bytes: [UInt8], from producer: ProducerID? = nil) -> QueueRefusal? {
        change { $0.receive(bytes, from: producer, &$1) }.refusal
    }

    /// Brings messages that have to be taken.
    mutating func put(_ messages: Message...) throws {
        for message in messages {
            let refusal = put(try message.encoded())
            #expect(refusal == nil)
        }
    }

    mutating func put(_ texts: String...) throws {
        for text in texts { try put(Message(body: text)) }
    }

    // MARK: Consumers

    mutating func join(
        _ selection: Selection? = nil, credit: Int = 0, maxUnsettled: Int = 10_000
    ) -> ConsumerID {
        let id = state.addConsumer(selection: selection, maxUnsettled: maxUnsettled)
        if credit > 0 { setCredit(credit, of: id) }
        return id
    }

    /// - Parameter unsent: what `next` handed out and is not sent.
    mutating func setCredit(
        _ credit: Int, of id: ConsumerID, unsent: [Sent] = [], isBlocked: Bool = false, isDraining: Bool = false
    ) {
        let unsent = unsent.map(\.outgoing)
        change {
            $0.setCredit(credit, of: id, unsent: unsent, isBlocked: isBlocked, isDraining: isDraining, &$1)
        }
        if isBlocked { woken.removeAll { $0 == id } }
    }

    /// What a consumer's link does next, and what it is handed to send.
    mutating func next(for id: ConsumerID) -> (step: QueueState.NextStep, outgoing: [Sent]) {
        var outgoing: [QueueState.Outgoing] = []
        let step = change { $0.next(for: id, &outgoing, &$1) }
        return (step, outgoing.map { Sent(outgoing: $0, consumer: id) })
    }

    /// Everything that woken consumers send now, in order; their searches go on to their end.
    mutating func send() -> [Sent] {
        var sent: [Sent] = []
        while true {
            if !woken.isEmpty {
                let id = woken.removeFirst()
                while case (.send, let outgoing) = next(for: id) { sent += outgoing }
            } else if !searching.isEmpty {
                let id = searching.removeFirst()
                change { $0.resumeSearch(for: id, &$1) }
            } else {
                return sent
            }
        }
    }

    /// The texts of what woken consumers send now.
    mutating func sendTexts() -> [String] { send().map(\.message.text) }

    mutating func settle(_ sent: Sent, _ outcome: Outcome = .accepted) {
        guard let slot = sent.slot else { return }
        change { $0.settle(slot, of: sent.consumer, outcome, &$1) }
    }

    /// A message that `next` handed out is too large for its consumer.
    mutating func refuseOversized(_ sent: Sent) {
        change { $0.refuseOversized(sent.outgoing, of: sent.consumer, &$1) }
    }

    mutating func leave(_ id: ConsumerID, _ outcome: Outcome = .released) {
        change { $0.removeConsumer(id, outcome, &$1) }
        woken.removeAll { $0 == id }
    }

    /// The texts of what a consumer gets that comes, accepts it all, and leaves.
    mutating func takeAll() -> [String] {
        let id = join(credit: 100_000)
        let sent = send().filter { $0.consumer == id }
        for one in sent { settle(one) }
        leave(id)
        return sent.map(\.message.text)
    }

    /// Turns the clock, and tells the queue.
    mutating func pass(_ milliseconds: Int) {
        clock.advance(by: .milliseconds(milliseconds))
        change { $0.advance(&$1) }
    }
}

extension QueueState {
    /// Takes a message whose prefix has not been read.
    mutating func receive(
        _ bytes: [UInt8], from producer: ProducerID?, _ effects: inout QueueEffects
    ) -> (refusal: QueueRefusal?, grant: Int) {
        receive(bytes, MessagePrefix(bytes), from: producer, &effects)
    }
}

extension MessageList {
    /// The messages, in order.
    var all: [QueuedMessage] {
        var (all, index): ([QueuedMessage], Index) = ([], index(from: 0))
        while contains(index) {
            all.append(self[index])
            index = self.index(after: index)
        }
        return all
    }
}

extension QueuedMessage {
    /// The body as a text, or the bytes where they are no message.
    var text: String {
        (try? Message(decoding: bytes)).map { "\($0.body)" } ?? String(decoding: bytes, as: UTF8.self)
    }
}
