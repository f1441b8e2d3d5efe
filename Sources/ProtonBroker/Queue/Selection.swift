// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import Proton
import ProtonUtilities

/// Which messages a consumer takes that does not take any, and how far it has looked for them.
///
/// It looks at each message once, in order; places that are filled before the one where it is are noted apart.
struct Selection {
    /// What the messages must match; nil for all.
    let selector: Selector?
    /// How many bytes a message may have.
    let maxMessageSize: Int
    /// Whether the consumer sees the messages and leaves them where they are (AMQP 1.0, 3.5.7: `copy`).
    let isBrowser: Bool
    /// The first place that it has not looked at.
    private(set) var next: UInt64 = 0
    /// Places before that one which have a message to look at.
    private var earlier = Heap<UInt64>()
    /// Messages that the consumer has said it cannot process.
    private var refused: Set<UInt64> = []
    /// How many messages were too large for it since that was last asked.
    private var oversized = 0

    /// How many places are noted apart: beyond that, looking at everything again is as good.
    private static let earlierLimit = 1_024
    /// How many messages a consumer may refuse for itself.
    static let refusedLimit = 10_000

    init(selector: Selector? = nil, maxMessageSize: Int = .max, isBrowser: Bool = false) {
        self.selector = selector
        self.maxMessageSize = maxMessageSize
        self.isBrowser = isBrowser
    }

    /// A message has come to a place, as a new one or back.
    mutating func note(_ place: UInt64) {
        guard place < next else { return }
        if earlier.count < Selection.earlierLimit {
            earlier.insert(place)
        } else {
            // A browser would see what follows twice: it misses this one instead.
            guard !isBrowser else { return }
            next = min(place, earlier.min ?? place)
            earlier = Heap()
        }
    }

    /// The consumer cannot process a message.
    /// - Parameter isThere: whether a place has a message; what is refused elsewhere is forgotten where there is too much.
    mutating func refuse(_ place: UInt64, isThere: (UInt64) -> Bool) {
        if refused.count >= Selection.refusedLimit { refused = refused.filter(isThere) }
        guard refused.count < Selection.refusedLimit else { return }
        refused.insert(place)
    }

    /// How many messages were found that are too large for the consumer, since this was last asked.
    mutating func takeOversized() -> Int { exchange(&oversized, with: 0) }

    // MARK: Looking

    /// What a look has come to.
    enum Search {
        /// The consumer gets this message.
        case found(QueuedMessage)
        /// It has looked at all there are.
        case exhausted
        /// It has looked at as many as it may in one go.
        case interrupted
    }

    /// Finds the next message that the consumer wants, and takes it out, or copies it for a browser.
    /// - Parameters:
    ///   - budget: how many messages may be looked at; counted down.
    ///   - memory: what the messages take; raised by what is read of them.
    mutating func search(_ messages: inout MessageList, budget: inout Int, memory: inout Int) -> Search {
        while let place = earlier.min {
            guard budget > 0 else { return .interrupted }
            earlier.removeMin()
            if let index = messages.index(of: place), look(at: index, in: &messages, &budget, &memory) {
                return .found(isBrowser ? messages[index] : messages.remove(at: index))
            }
        }
        var index = messages.index(from: next)
        while messages.contains(index) {
            guard budget > 0 else { return .interrupted }
            next = messages[index].place + 1
            if look(at: index, in: &messages, &budget, &memory) {
                return .found(isBrowser ? messages[index] : messages.remove(at: index))
            }
            index = messages.index(after: index)
        }
        return .exhausted
    }

    private mutating func look(
        at index: MessageList.Index, in messages: inout MessageList, _ budget: inout Int, _ memory: inout Int
    ) -> Bool {
        budget -= 1
        guard selector != nil else { return accepts(&messages[index]) }
        let before = messages[index].memory
        defer { memory += messages[index].memory - before }
        return accepts(&messages[index])
    }

    /// Whether the consumer wants a message, which keeps what had to be read of it.
    private mutating func accepts(_ message: inout QueuedMessage) -> Bool {
        if message.bytes.count > maxMessageSize {
            oversized += 1
            return false
        }
        if !refused.isEmpty, refused.contains(message.place) { return false }
        guard let selector else { return true }
        let content = message.content(selector.parts)
        let added = message.extras?.annotations ?? [:]
        return selector.matches(content.subject(failures: message.failures, adding: added))
    }
}

extension QueuedMessage {
    /// What was read of the message, with these parts at least.
    fileprivate mutating func content(_ parts: SelectorParts) -> MessageContent {
        let known = extras?.content
        if let known, known.parts.isSuperset(of: parts) { return known }
        let content = known.map { MessageContent(bytes, adding: parts, to: $0) } ?? MessageContent(bytes, parts)
        extras = Extras(content: content, annotations: extras?.annotations ?? Annotations(), expiry: extras?.expiry)
        return content
    }
}
