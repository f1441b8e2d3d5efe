import DequeModule
import HeapModule

/// The messages of a queue and the consumers that compete for them, without any input or output.
///
/// Whoever owns it puts messages in, tells of credit, and asks for what `next` has to send until there is no more.
/// Messages leave in the order of their arrival, one to each consumer with credit in turn. One that comes back takes
/// its old place, so that order is kept as far as competing consumers allow.
struct Queue<Member: Consumer> {
    private let limits: QueueLimits
    /// Messages that no consumer has had yet.
    private var fresh = Deque<QueuedMessage>()
    /// Messages that came back: all of them older than those in `fresh`.
    private var returned = Heap<QueuedMessage>()
    /// The consumers with credit, in the order of their turns; those that have lost it leave when their turn comes.
    private var line = Deque<Member>()
    private var arrivals: UInt64 = 0
    /// How many messages the queue answers for: those that wait, and those that consumers have not settled.
    private(set) var heldMessages = 0
    /// The bytes of these messages.
    private(set) var heldBytes = 0

    init(limits: QueueLimits = QueueLimits()) {
        self.limits = limits
    }

    /// How many messages wait.
    var waitingCount: Int { fresh.count + returned.count }

    // MARK: Messages in

    /// Puts a message at the end.
    /// - Returns: false where it is not taken, since the queue holds twice what it should.
    mutating func enqueue(_ bytes: [UInt8]) -> Bool {
        guard heldMessages / 2 < limits.messages, heldBytes / 2 < limits.bytes else { return false }
        fresh.append(QueuedMessage(bytes: bytes, position: arrivals))
        arrivals += 1
        heldMessages += 1
        heldBytes += bytes.count
        return true
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
        guard credit > 0, !consumer.isInLine else { return }
        consumer.isInLine = true
        line.append(consumer)
    }

    /// Takes a consumer away; what it had not settled comes back.
    /// - Parameter failed: whether that counts as a try to deliver.
    mutating func remove(_ consumer: Member, failed: Bool) {
        consumer.credit = 0
        if consumer.isInLine, let index = line.firstIndex(where: { $0 === consumer }) { line.remove(at: index) }
        consumer.isInLine = false
        for message in consumer.takeAll() { settle(message, .returned(failed: failed)) }
    }

    /// The next message to send, and the consumer whose turn it is; one credit of it is used.
    ///
    /// The message then belongs to whoever asked: `settle` ends that.
    mutating func next() -> (Member, QueuedMessage)? {
        guard !(fresh.isEmpty && returned.isEmpty), let consumer = nextConsumer() else { return nil }
        guard let message = returned.popMin() ?? fresh.popFirst() else { return nil }
        return (consumer, message)
    }

    private mutating func nextConsumer() -> Member? {
        while let consumer = line.popFirst() {
            switch consumer.credit {
            case 0: consumer.isInLine = false
            case 1:
                consumer.isInLine = false
                consumer.credit = 0
                return consumer
            default:
                consumer.credit -= 1
                line.append(consumer)
                return consumer
            }
        }
        return nil
    }

    /// Ends what a consumer had to do with a message.
    mutating func settle(_ message: QueuedMessage, _ disposal: Disposal) {
        switch disposal {
        case .removed:
            heldMessages -= 1
            heldBytes -= message.bytes.count
        case .returned(let failed):
            var message = message
            if failed, message.failures < .max { message.failures += 1 }
            returned.insert(message)
        }
    }
}
