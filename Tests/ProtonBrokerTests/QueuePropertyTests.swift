import Testing

@testable import ProtonBroker

/// What holds of a queue whatever happens to it, over random histories.
struct QueuePropertyTests {
    /// What a history is made of.
    private enum Step: CaseIterable {
        case enqueue, enqueueMore, credit, dispatch, settle, settleMore, leave, join
    }

    /// A consumer, and what it should have: kept apart from the consumer's own notes.
    private final class Watched {
        let consumer = Consumer()
        var credit = 0
        var messages: [Int: QueuedMessage] = [:]

        var freeSlot: Int { (0...messages.count).first { messages[$0] == nil } ?? 0 }
    }

    /// A queue with a model of where each message must be.
    private struct History {
        var queue = Queue<Consumer>()
        var consumers = [Watched(), Watched(), Watched()]
        /// The messages that wait, by position, with their failures.
        var waiting: [UInt64: UInt32] = [:]
        var arrived: UInt64 = 0
        var removed = 0
        var random: SplitMix

        mutating func enqueue() {
            queue.add(withUnsafeBytes(of: arrived) { Array($0) })
            waiting[arrived] = 0
            arrived += 1
        }

        mutating func dispatch() {
            while let (consumer, message) = queue.next() {
                guard let watched = consumers.first(where: { $0.consumer === consumer }) else {
                    Issue.record("a message for a consumer that has left")
                    return
                }
                #expect(watched.credit > 0, "more than there was credit for")
                watched.credit -= 1
                #expect(message.position == waiting.keys.min(), "not the oldest that waits")
                #expect(message.failures == waiting.removeValue(forKey: message.position))
                #expect(message.bytes == withUnsafeBytes(of: message.position) { Array($0) })
                let slot = watched.freeSlot
                watched.messages[slot] = message
                consumer.hold(message, in: slot)
            }
            #expect(waiting.isEmpty || consumers.allSatisfy { $0.credit == 0 }, "a message and a consumer both wait")
        }

        mutating func settle() {
            let watched = consumers[Int.random(in: consumers.indices, using: &random)]
            guard let slot = watched.messages.keys.sorted().randomElement(using: &random),
                let message = watched.messages.removeValue(forKey: slot)
            else { return }
            #expect(watched.consumer.take(slot) == message)
            let disposals: [Disposal] = [.removed, .removed, .returned(failed: false), .returned(failed: true)]
            let disposal = disposals[Int.random(in: disposals.indices, using: &random)]
            queue.settle(message, disposal)
            switch disposal {
            case .removed: removed += 1
            case .returned(let failed): waiting[message.position] = message.failures + (failed ? 1 : 0)
            }
        }

        mutating func leave() {
            guard consumers.count > 1 else { return }
            let watched = consumers.remove(at: Int.random(in: consumers.indices, using: &random))
            let failed = Bool.random(using: &random)
            queue.remove(watched.consumer, failed: failed)
            for message in watched.messages.values {
                waiting[message.position] = message.failures + (failed ? 1 : 0)
            }
        }

        mutating func apply(_ step: Step) {
            switch step {
            case .enqueue: enqueue()
            case .enqueueMore: for _ in 0..<10 { enqueue() }
            case .dispatch: dispatch()
            case .settle: settle()
            case .settleMore: for _ in 0..<10 { settle() }
            case .leave: leave()
            case .join: if consumers.count < 8 { consumers.append(Watched()) }
            case .credit:
                let watched = consumers[Int.random(in: consumers.indices, using: &random)]
                watched.credit = Int.random(in: 0...12, using: &random)
                queue.setCredit(watched.credit, of: watched.consumer)
            }
        }

        func check() {
            let held = consumers.reduce(0) { $0 + $1.messages.count }
            #expect(queue.waitingCount == waiting.count)
            #expect(queue.heldMessages == waiting.count + held)
            #expect(queue.heldMessages + removed == Int(arrived), "a message was lost or doubled")
            #expect(queue.heldBytes == queue.heldMessages * 8)
            #expect(consumers.allSatisfy { $0.consumer.unsettledCount == $0.messages.count })
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func losesNothingDoublesNothingAndKeepsOrder(seed: UInt64) {
        var history = History(random: SplitMix(state: seed))
        for _ in 0..<250 {
            guard let step = Step.allCases.randomElement(using: &history.random) else { return }
            history.apply(step)
            history.check()
        }
        // In the end one consumer takes all that is left.
        for watched in history.consumers { history.queue.remove(watched.consumer, failed: false) }
        for message in history.consumers.flatMap(\.messages.values) {
            history.waiting[message.position] = message.failures
        }
        history.consumers = [Watched()]
        history.consumers[0].credit = .max
        history.queue.setCredit(.max, of: history.consumers[0].consumer)
        history.dispatch()
        history.check()
        #expect(history.waiting.isEmpty)
    }

    @Test(arguments: 2...9)
    func sharesEvenlyAmongThoseWhoAlwaysHaveCredit(count: Int) {
        var queue = Queue<Consumer>()
        let consumers = (0..<count).map { _ in Consumer() }
        for consumer in consumers { queue.setCredit(1_000, of: consumer) }
        var shares = [Int](repeating: 0, count: count)
        for _ in 0..<500 {
            queue.add([])
            while let (consumer, message) = queue.next() {
                if let index = consumers.firstIndex(where: { $0 === consumer }) { shares[index] += 1 }
                queue.settle(message, .removed)
            }
        }
        #expect(shares.reduce(0, +) == 500)
        #expect(shares.allSatisfy { abs($0 - 500 / count) <= 1 })
    }
}

/// Random numbers that are the same each time (SplitMix64).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
