// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import HeapModule
import Proton
import ProtonUtilities

/// The messages that a consumer takes, if it does not take all, and the progress of its search.
///
/// It examines each message once, in order; places that are filled before the current one are recorded separately.
struct Selection {
    /// The selector of the messages; nil for all.
    let selector: Selector?
    /// The maximum size of a message, in bytes.
    let maxMessageSize: Int
    /// Whether the consumer browses: messages stay in the queue (AMQP 1.0, 3.5.7: `copy`).
    let isBrowser: Bool
    /// The first place that it has not examined.
    private(set) var next: UInt64 = 0
    /// Earlier places with a message to examine.
    private var earlier = Heap<UInt64>()
    /// Messages that the consumer has reported as undeliverable to it.
    private var refused: Set<UInt64> = []
    /// How many messages were too large for it since the last call of `takeOversized`.
    private var oversized = 0

    /// How many places are recorded separately: beyond that, it is as good to examine all messages again.
    private static let earlierLimit = 1_024
    /// How many messages a consumer may report as undeliverable to it.
    static let refusedLimit = 10_000

    init(selector: Selector? = nil, maxMessageSize: Int = .max, isBrowser: Bool = false) {
        self.selector = selector
        self.maxMessageSize = maxMessageSize
        self.isBrowser = isBrowser
    }

    /// Records a message at a place, a new or a returned one.
    mutating func note(_ place: UInt64) {
        guard place < next else { return }
        if earlier.count < Selection.earlierLimit {
            earlier.insert(place)
        } else {
            // A browser would see the following ones twice: it misses this one instead.
            guard !isBrowser else { return }
            next = min(place, earlier.min ?? place)
            earlier = Heap()
        }
    }

    /// Records a message that the consumer cannot process.
    /// - Parameter isThere: whether a place has a message; if there are too many records, those without a message are removed.
    mutating func refuse(_ place: UInt64, isThere: (UInt64) -> Bool) {
        if refused.count >= Selection.refusedLimit { refused = refused.filter(isThere) }
        guard refused.count < Selection.refusedLimit else { return }
        refused.insert(place)
    }

    /// How many messages were too large for the consumer, since the last call.
    mutating func takeOversized() -> Int { exchange(&oversized, with: 0) }

    // MARK: Search

    /// The result of a search.
    enum Search {
        /// The consumer gets this message.
        case found(QueuedMessage)
        /// It has examined all messages.
        case exhausted
        /// It has examined as many as allowed at a time.
        case interrupted
    }

    /// Finds the next message that the consumer takes, and removes it, or copies it for a browser.
    /// - Parameters:
    ///   - budget: how many messages may be examined; decremented.
    ///   - memory: the memory of the messages; increased by the decoded parts.
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

    /// Whether the consumer takes a message, which keeps its decoded parts.
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
    /// The decoded parts of the message, at least these.
    fileprivate mutating func content(_ parts: SelectorParts) -> MessageContent {
        let known = extras?.content
        if let known, known.parts.isSuperset(of: parts) { return known }
        let content = known.map { MessageContent(bytes, adding: parts, to: $0) } ?? MessageContent(bytes, parts)
        extras = Extras(content: content, annotations: extras?.annotations ?? Annotations(), expiry: extras?.expiry)
        return content
    }
}
