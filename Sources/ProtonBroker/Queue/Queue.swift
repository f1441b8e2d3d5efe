import DequeModule
import ProtonEngine

/// The messages of a queue and the consumers that compete for them, without any input or output.
///
/// Whoever owns it puts messages in, tells of credit, and asks for what `next` has to send until there is no more.
/// Messages leave in the order of priority and arrival, one to each consumer with credit in turn. One that comes back
/// takes its old place, so that order is kept as far as competing consumers allow.
struct Queue<Member: Consumer> {
    private let limits: QueueLimits
    /// The messages that wait.
    private var messages = MessageList()
    /// The consumers with credit, in the order of their turns; those that have lost it leave when their turn comes, and
    /// those that want nothing of what is there until something comes.
    private var line = Deque<Member>()
    /// The consumers that do not take any message.
    private var choosers: [Member] = []
    private var arrivals: UInt64 = 0
    private var expiries = Expiries()
    /// The time, in milliseconds from some moment on.
    private let now: () -> Int64
    /// How many messages the queue answers for: those that wait, and those that consumers have not settled.
    private(set) var heldMessages = 0
    /// The bytes of these messages.
    private(set) var heldBytes = 0

    init(limits: QueueLimits = QueueLimits(), now: @escaping () -> Int64 = monotonicMilliseconds) {
        self.limits = limits
        self.now = now
    }

    /// How many messages wait.
    var waitingCount: Int { messages.count }

    // MARK: Messages in

    /// Puts a message at the end.
    /// - Returns: false where it is not taken, since the queue holds twice what it should.
    mutating func enqueue(_ bytes: [UInt8]) -> Bool {
        guard reserve(bytes.count) else { return false }
        enqueueReserved(bytes)
        return true
    }

    /// Keeps room for a message of some bytes.
    /// - Returns: false where there is none, as with `enqueue`.
    mutating func reserve(_ size: Int) -> Bool {
        guard heldMessages / 2 < limits.messages, heldBytes / 2 < limits.bytes else { return false }
        heldMessages += 1
        heldBytes += size
        return true
    }

    /// Gives up the room for a message of some bytes.
    mutating func unreserve(_ size: Int) {
        heldMessages -= 1
        heldBytes -= size
    }

    /// Puts a message at the end that there is room kept for.
    mutating func enqueueReserved(_ bytes: [UInt8]) {
        let header = QueueingHeader(bytes)
        var message = QueuedMessage(bytes: bytes, priority: header.priority, position: arrivals)
        if let time = header.timeToLive { message.extras = QueuedMessage.Extras(expiry: now() + Int64(time)) }
        arrivals += 1
        insert(message, isBack: false)
    }

    /// Drops what waits and is of no use any more (AMQP 1.0, 3.2.1: `ttl`).
    /// - Returns: how many bytes of messages that was.
    mutating func dropExpired() -> Int {
        guard !expiries.isEmpty else { return 0 }
        let time = now()
        var size = 0
        while let place = expiries.popExpired(at: time) {
            guard let index = messages.index(of: place) else { continue }
            let bytes = messages.remove(at: index).bytes
            unreserve(bytes.count)
            size += bytes.count
        }
        return size
    }

    /// Puts a message in its place, for all who may want it.
    private mutating func insert(_ message: QueuedMessage, isBack: Bool) {
        messages.insert(message)
        if let expiry = message.extras?.expiry { expiries.add(message.place, at: expiry, in: messages) }
        for consumer in choosers {
            guard let choice = consumer.choice else { continue }
            // A browser may have seen what comes back.
            if !(isBack && choice.isBrowser) { choice.note(message.place) }
            if consumer.credit > 0 { enterLine(consumer) }
        }
    }

    /// How much credit one sender to the queue may have now, where it would have `window` at best.
    func allowance(of window: Int) -> Int {
        heldBytes < limits.bytes ? max(0, min(window, limits.messages - heldMessages)) : 0
    }

    /// Whether enough is free again for senders that were refused credit.
    var hasRoomAgain: Bool {
        heldMessages <= limits.messages / 4 * 3 && heldBytes <= limits.bytes / 4 * 3
    }

    // MARK: Messages out

    /// Sets how many messages a consumer may be given.
    mutating func setCredit(_ credit: Int, of consumer: Member) {
        consumer.credit = max(0, credit)
        if credit > 0 { enterLine(consumer) }
    }

    private mutating func enterLine(_ consumer: Member) {
        guard !consumer.isInLine else { return }
        consumer.isInLine = true
        line.append(consumer)
    }

    /// Takes a consumer away; what it had not settled comes back.
    /// - Parameter failed: whether that counts as a try to deliver.
    mutating func remove(_ consumer: Member, failed: Bool) {
        consumer.credit = 0
        if consumer.isInLine, let index = line.firstIndex(where: { $0 === consumer }) { line.remove(at: index) }
        consumer.isInLine = false
        choosers.removeAll { $0 === consumer }
        let unsent = exchange(&consumer.outbox, with: [])
        let messages = consumer.takeAll()
        if consumer.isBrowser { return }
        for message in unsent { settle(message, .returned(failed: false)) }
        for message in messages { settle(message, .returned(failed: failed)) }
    }

    /// Notes that a consumer does not take any message, before it has credit.
    mutating func addChooser(_ consumer: Member) {
        if consumer.choice != nil, !choosers.contains(where: { $0 === consumer }) { choosers.append(consumer) }
    }

    /// Keeps a message, which comes back with `settle`, from a consumer that cannot process it.
    mutating func keep(_ message: QueuedMessage, from consumer: Member) {
        let choice = consumer.choice ?? Choice()
        consumer.choice = choice
        addChooser(consumer)
        if choice.refuse(message.place) { return }
        choice.forgetRefused { messages.index(of: $0) != nil }
        _ = choice.refuse(message.place)
    }

    /// The next message to send, and the consumer whose turn it is; one credit of it is used.
    ///
    /// The message then belongs to whoever asked: `settle` ends that. What a browser gets is a copy, to be let go.
    mutating func next() -> (Member, QueuedMessage)? {
        while !messages.isEmpty, let consumer = line.popFirst() {
            consumer.isInLine = false
            guard consumer.credit > 0 else { continue }
            let wanted = if let choice = consumer.choice { find(choice) } else { messages.popFirst() }
            guard let message = wanted else { continue }
            consumer.credit -= 1
            if consumer.credit > 0 { enterLine(consumer) }
            return (consumer, message)
        }
        return nil
    }

    /// The next message that one who chooses wants; nil where it has looked at all there are.
    private mutating func find(_ choice: Choice) -> QueuedMessage? {
        while let place = choice.takeEarlier() {
            if let index = messages.index(of: place), choice.accepts(&messages[index]) { return take(index, choice) }
        }
        var index = messages.index(from: choice.next)
        while messages.contains(index) {
            choice.next = messages[index].place + 1
            if choice.accepts(&messages[index]) { return take(index, choice) }
            index = messages.index(after: index)
        }
        return nil
    }

    private mutating func take(_ index: MessageList.Index, _ choice: Choice) -> QueuedMessage {
        choice.isBrowser ? messages[index] : messages.remove(at: index)
    }

    /// Ends what a consumer had to do with a message.
    mutating func settle(_ message: QueuedMessage, _ disposal: Disposal) {
        switch disposal {
        case .removed: unreserve(message.bytes.count)
        case .returned(let failed):
            var message = message
            if failed, message.failures < .max { message.failures += 1 }
            insert(message, isBack: true)
        }
    }
}

/// The time of a clock that nobody sets, in milliseconds.
private func monotonicMilliseconds() -> Int64 {
    let (seconds, attoseconds) = start.duration(to: .now).components
    return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
}

private let start = ContinuousClock.now
