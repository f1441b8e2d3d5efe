import HeapModule
import Proton

/// What a consumer that does not take any message notes in its queue: which it wants, and how far it has looked.
///
/// It looks at each message once, in order; those that come to stand before the place where it is are noted apart.
final class Choice {
    /// What the messages must match; nil for all.
    private let selector: Selector?
    /// Whether the consumer sees the messages and leaves them where they are (AMQP 1.0, 3.5.7: `copy`).
    let isBrowser: Bool
    /// The first place that it has not looked at.
    var next: UInt64 = 0
    /// Places before that one which have a message to look at.
    private var earlier = Heap<UInt64>()
    /// Messages that the consumer has said it cannot process.
    private var refused: Set<UInt64> = []

    /// How many places are noted apart: beyond that, looking at everything again is as good.
    private static let earlierLimit = 1_024
    /// How many messages a consumer may refuse for itself.
    static let refusedLimit = 10_000

    init(selector: Selector? = nil, isBrowser: Bool = false) {
        self.selector = selector
        self.isBrowser = isBrowser
    }

    /// A message has come to a place, as a new one or back.
    func note(_ place: UInt64) {
        guard place < next else { return }
        if earlier.count < Choice.earlierLimit {
            earlier.insert(place)
        } else {
            // A browser would see what follows twice: it misses this one instead.
            guard !isBrowser else { return }
            next = min(place, earlier.min ?? place)
            earlier = Heap()
        }
    }

    /// The next of the places that were noted apart.
    func takeEarlier() -> UInt64? { earlier.popMin() }

    /// The consumer cannot process a message.
    /// - Returns: false where it has said so too often.
    func refuse(_ place: UInt64) -> Bool {
        guard refused.count < Choice.refusedLimit else { return false }
        refused.insert(place)
        return true
    }

    /// Forgets what was refused of messages that are gone.
    func forgetRefused(unless isThere: (UInt64) -> Bool) {
        refused = refused.filter(isThere)
    }

    /// Whether the consumer wants a message, which keeps what had to be read of it.
    func accepts(_ message: inout QueuedMessage) -> Bool {
        if !refused.isEmpty, refused.contains(message.place) { return false }
        guard let selector else { return true }
        return selector.matches(message.content(selector.fields).subject(failures: message.failures))
    }
}

extension QueuedMessage {
    /// What was read of the message, with these fields at least.
    fileprivate mutating func content(_ fields: Set<SelectorField>) -> MessageContent {
        let known = extras?.content
        if let known, known.has(fields) { return known }
        let content = known.map { MessageContent(bytes, adding: fields, to: $0) } ?? MessageContent(bytes, fields)
        extras = Extras(content: content, annotations: extras?.annotations ?? Annotations(), expiry: extras?.expiry)
        return content
    }
}
