import DequeModule
import ProtonEngine
import ProtonUtilities

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
    /// How many more messages may be looked at for those, before `next` leaves the rest of a search for later.
    var looks = Int.max
    /// The consumers whose search goes on with `resume`. The queue's owner takes them out, and sees to that.
    var searching: [Member] = []
    private(set) var arrivals: UInt64 = 0
    private var expiries = Expiries()
    private var delayed = DelayedMessages()
    private let clock: QueueClock
    /// How many messages the queue answers for: those that wait, and those that consumers have not settled.
    private(set) var heldMessages = 0
    /// The bytes of these messages.
    private(set) var heldBytes = 0
    /// How many messages have left for good.
    private(set) var departures: UInt64 = 0
    /// What the queue has dropped of its own: expired, or for want of room. Its owner takes it out.
    var dropped: [QueuedMessage] = []
    /// Messages in a store that have come back other than they are there. Its owner takes them out.
    var changed: [QueuedMessage] = []

    init(limits: QueueLimits = QueueLimits(), clock: QueueClock = QueueClock()) {
        self.limits = limits
        self.clock = clock
    }

    /// How many messages wait, those included that are not to be delivered yet.
    var waitingCount: Int { messages.count + delayed.count }

    // MARK: Messages in

    /// Puts a message at the end.
    /// - Returns: false where it is not taken, since the queue holds as much as it may.
    mutating func enqueue(_ bytes: [UInt8]) -> Bool {
        guard reserve(bytes.count) else { return false }
        enqueueReserved(bytes)
        return true
    }

    /// Keeps room for a message of some bytes.
    /// - Returns: false where there is none, as with `enqueue`.
    mutating func reserve(_ size: Int) -> Bool {
        switch limits.policy {
        case .withholdCredit:
            guard heldMessages / 2 < limits.messages, heldBytes / 2 < limits.bytes else { return false }
        case .reject: guard isBelowLimits else { return false }
        case .dropOldest: guard makeRoom() else { return false }
        }
        heldMessages += 1
        heldBytes += size
        return true
    }

    private var isBelowLimits: Bool { heldMessages < limits.messages && heldBytes < limits.bytes }

    private mutating func makeRoom() -> Bool {
        let before = dropped.count
        while !isBelowLimits {
            guard let oldest = messages.popFirst() else {
                // What consumers have is too much by itself: nothing is lost for nothing.
                for message in dropped[before...] { undrop(message) }
                dropped.removeSubrange(before...)
                return false
            }
            drop(oldest)
        }
        return true
    }

    private mutating func undrop(_ message: QueuedMessage) {
        heldMessages += 1
        heldBytes += message.bytes.count
        departures -= 1
        messages.insert(message)
    }

    private mutating func drop(_ message: QueuedMessage) {
        unreserve(message.bytes.count)
        departures += 1
        dropped.append(message)
    }

    /// Drops all that waits.
    mutating func dropAll() {
        while let message = messages.popFirst() ?? delayed.popDue(at: .max) { drop(message) }
    }

    /// Gives up the room for a message of some bytes.
    mutating func unreserve(_ size: Int) {
        heldMessages -= 1
        heldBytes -= size
    }

    /// Puts a message at the end that there is room kept for.
    /// - Parameter keepsDurable: whether a message that is to survive the broker does.
    /// - Returns: the place of a message that is to survive and does; nil for others.
    @discardableResult
    mutating func enqueueReserved(_ bytes: [UInt8], keepsDurable: Bool = false) -> UInt64? {
        let header = QueueingHeader(bytes)
        var message = QueuedMessage(bytes: bytes, priority: header.priority, position: arrivals)
        message.isStored = keepsDurable && header.isDurable
        arrivals += 1
        let place = message.isStored ? message.place : nil
        add(message, header, age: 0)
        return place
    }

    /// Puts a message back that a store has kept, at the place that it had.
    mutating func restore(_ stored: StoredMessage) {
        let message = QueuedMessage(stored)
        heldMessages += 1
        heldBytes += message.bytes.count
        arrivals = max(arrivals, message.position + 1)
        // A file may say anything of when that was.
        let (age, isOverflow) = clock.timeOfDay.subtractingReportingOverflow(stored.arrival.milliseconds)
        let boundedAge = isOverflow ? Queue.longestTime : min(max(0, age), Queue.longestTime)
        add(message, QueueingHeader(message.bytes), age: boundedAge)
    }

    /// - Parameter age: how long ago the message came, in milliseconds.
    private mutating func add(_ message: consuming QueuedMessage, _ header: QueueingHeader, age: Int64) {
        if let timeToLive = header.timeToLive {
            message.extras = QueuedMessage.Extras(
                annotations: message.extras?.annotations ?? Annotations(), expiry: clock.now + Int64(timeToLive) - age)
        }
        if header.mayHaveAnnotations, let time = DeliveryTime(message.bytes) {
            let delay = delay(until: time, age: age)
            if delay > 0 { return delayed.add(message, until: clock.now + delay) }
        }
        insert(message, isBack: false)
    }

    /// How many milliseconds a message that came a while ago has to wait; a hundred years at most.
    private func delay(until time: DeliveryTime, age: Int64) -> Int64 {
        let delay =
            switch time {
            case .after(let milliseconds): milliseconds - age
            case .at(let time): max(0, time.milliseconds) - clock.timeOfDay
            }
        return min(delay, Queue.longestTime)
    }

    /// A hundred years, in milliseconds.
    private static var longestTime: Int64 { 3_155_760_000_000 }

    // MARK: Time

    /// Whether there may be messages whose time is to come, or to end: `advance` has nothing to do otherwise.
    var isTimed: Bool { !expiries.isEmpty || !delayed.isEmpty }

    /// Lets those messages in whose time has come, and drops those that wait and are of no use any more (AMQP 1.0,
    /// 3.2.1: `ttl`).
    mutating func advance() {
        let time = clock.now
        while let message = delayed.popDue(at: time) { insert(message, isBack: false) }
        while let place = expiries.popExpired(at: time) {
            if let index = messages.index(of: place) { drop(messages.remove(at: index)) }
        }
    }

    /// When `advance` has something to do next, by the queue's clock.
    var nextTime: Int64? {
        switch (expiries.nextTime, delayed.nextTime) {
        case (let expiry?, let delay?): min(expiry, delay)
        case (let expiry, let delay): expiry ?? delay
        }
    }

    /// Puts a message in its place, for all who may want it.
    private mutating func insert(_ message: consuming QueuedMessage, isBack: Bool) {
        let (place, expiry) = (message.place, message.extras?.expiry)
        messages.insert(message)
        if let expiry { expiries.add(place, at: expiry, in: messages) }
        for consumer in choosers {
            guard let choice = consumer.choice else { continue }
            // A browser may have seen what comes back.
            if !(isBack && choice.isBrowser) { choice.note(place) }
            if consumer.credit > 0 { enterLine(consumer) }
        }
    }

    /// How much credit one sender to the queue may have now, where it would have `window` at best.
    func allowance(of window: Int) -> Int {
        guard limits.policy == .withholdCredit else { return window }
        return heldBytes < limits.bytes ? max(0, min(window, limits.messages - heldMessages)) : 0
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
        guard consumer.turn == .none else { return }
        consumer.turn = .inLine
        line.append(consumer)
    }

    private mutating func pause(_ consumer: Member) {
        consumer.turn = .searching
        searching.append(consumer)
    }

    /// Lets a consumer whose search was not over stand in line again.
    mutating func resume(_ consumer: Member) {
        guard consumer.turn == .searching else { return }
        consumer.turn = .none
        if consumer.credit > 0 { enterLine(consumer) }
    }

    /// Takes a consumer away; what it had not settled comes back.
    /// - Parameter failed: whether that counts as a try to deliver.
    mutating func remove(_ consumer: Member, failed: Bool) {
        consumer.credit = 0
        if consumer.turn == .inLine, let index = line.firstIndex(where: { $0 === consumer }) { line.remove(at: index) }
        consumer.turn = .none
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
            consumer.turn = .none
            guard consumer.credit > 0 else { continue }
            let wanted = if let choice = consumer.choice { find(choice) } else { messages.popFirst() }
            guard let message = wanted else {
                if looks <= 0, consumer.choice != nil { pause(consumer) }
                continue
            }
            consumer.credit -= 1
            if consumer.credit > 0 { enterLine(consumer) }
            return (consumer, message)
        }
        return nil
    }

    /// The next message that one who chooses wants; nil where it has looked at all there are, or at as many as it may.
    private mutating func find(_ choice: Choice) -> QueuedMessage? {
        while looks > 0, let place = choice.takeEarlier() {
            looks -= 1
            if let index = messages.index(of: place), choice.accepts(&messages[index]) { return take(index, choice) }
        }
        var index = messages.index(from: choice.next)
        while looks > 0, messages.contains(index) {
            looks -= 1
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
    mutating func settle(_ message: consuming QueuedMessage, _ disposal: Disposal) {
        switch disposal {
        case .removed:
            unreserve(message.bytes.count)
            departures += 1
        case .returned(let failed):
            if failed, message.failures < .max { message.failures += 1 }
            if message.isStored, failed || message.hasAddedAnnotations { changed.append(copy message) }
            insert(message, isBack: true)
        }
    }
}
