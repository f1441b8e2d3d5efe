// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

/// A message as it goes out: its header says what has become of it, and every other byte is as it came.
struct QueueDeliveryTests {
    private static let failures: [UInt32] = [0, 1, .max]

    /// Messages with and without each section that stands before the body.
    private static func messages() throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        for mask in 0..<64 {
            func has(_ bit: Int) -> Bool { mask >> bit & 1 == 1 }
            var message = Message(body: "text")
            if has(0) { message.timeToLive = .milliseconds(1_000) }
            if has(1) { (message.deliveryCount, message.isFirstAcquirer) = (3, true) }
            if has(2) { (message.isDurable, message.priority) = (true, 9) }
            if has(3) { message.annotations = ["x-opt-a": 1] }
            if has(4) { message.id = .string("id") }
            if has(5) { message.properties = ["colour": "red"] }
            all.append(try message.encoded())
        }
        return all
    }

    @Test(arguments: failures) func saysInItsHeaderWhatHasBecomeOfIt(failures: UInt32) throws {
        for bytes in try Self.messages() {
            let old = try Message(decoding: bytes)
            for wasAcquired in [false, true] {
                for left in [nil, 400, 0, -5, 5_000] as [Int64?] {
                    var queued = QueuedMessage(bytes: bytes, position: 0)
                    (queued.failures, queued.wasAcquired) = (failures, wasAcquired)
                    if let left { queued.extras = QueuedMessage.Extras(expiry: 100 + left) }
                    let sent = queued.encoded(at: 100)
                    let new = try Message(decoding: sent)
                    let (count, overflow) = old.deliveryCount.addingReportingOverflow(failures)
                    #expect(new.deliveryCount == (overflow ? .max : count))
                    #expect(new.isFirstAcquirer == (old.isFirstAcquirer && !wasAcquired))
                    #expect(new.isDurable == old.isDurable && new.priority == old.priority)
                    let expected = left.flatMap { left in
                        old.timeToLive.map { min($0, .milliseconds(max(1, left))) }
                    }
                    #expect(new.timeToLive == expected ?? old.timeToLive)
                    // Behind the header, every byte is as it came.
                    #expect(sent[MessagePrefix(sent).headerEnd...] == bytes[MessagePrefix(bytes).headerEnd...])
                }
            }
        }
    }

    @Test func goesOutAsItCameWhereNothingHasHappened() throws {
        for bytes in try Self.messages() {
            var message = QueuedMessage(bytes: bytes, position: 0)
            #expect(message.encoded(at: 5) == bytes)
            message.extras = QueuedMessage.Extras(expiry: 5_000)
            #expect(message.encoded(at: 5) == bytes)
        }
    }

    @Test(arguments: failures) func hasTheAnnotationsThatConsumersAdded(failures: UInt32) throws {
        for bytes in try Self.messages() {
            var message = QueuedMessage(bytes: bytes, position: 0)
            (message.failures, message.wasAcquired) = (failures, true)
            message.merge(["x-opt-a": 2, "x-opt-b": "text"])
            var expected = try Message(decoding: bytes)
            let (count, overflow) = expected.deliveryCount.addingReportingOverflow(failures)
            expected.deliveryCount = overflow ? .max : count
            expected.isFirstAcquirer = false
            expected.annotations["x-opt-a"] = 2
            expected.annotations["x-opt-b"] = "text"
            #expect(try Message(decoding: message.encoded(at: 0)) == expected)
        }
    }

    @Test func addsNoMoreAnnotationsThanItsLimit() throws {
        var message = QueuedMessage(bytes: try Message(body: "a").encoded(), position: 0)
        message.merge(["x-opt-a": 1])
        message.merge(["x-opt-b": .string(String(repeating: "b", count: 5_000))])
        #expect(try Message(decoding: message.encoded(at: 0)).annotations == ["x-opt-a": 1])
    }

    /// A header in an unusual form is written anew with the rest of the message.
    @Test(
        arguments: [
            [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x70, 0x45], [0x00, 0x53, 0x70, 0xd0, 0, 0, 0, 4, 0, 0, 0, 0],
            [0x00, 0xa3, 16] + Array("amqp:header:list".utf8) + [0xc0, 2, 1, 0x41],
        ] as [[UInt8]])
    func countsFailuresInAnyHeader(header: [UInt8]) throws {
        let bytes = header + [0x00, 0x53, 0x77, 0xa1, 1, 0x61]
        var message = QueuedMessage(bytes: bytes, position: 0)
        (message.failures, message.wasAcquired) = (2, true)
        var expected = try Message(decoding: bytes)
        expected.deliveryCount = 2
        #expect(try Message(decoding: message.encoded(at: 0)) == expected)
    }

    @Test(
        arguments: [
            (.rejected(nil), "rejected", nil), (.expired, "expired", nil),
            (.rejected(Condition("a:b", "Why.")), "rejected", "a:b: Why."),
            (.deliveryLimit(3), "delivery_limit", "Its delivery failed 3 times."),
        ] as [(DeadLetterReason, String, String?)])
    func saysAsADeadLetterWhyItIsOne(reason: DeadLetterReason, name: String, text: String?) throws {
        var message = Message(body: "a", timeToLive: .seconds(1))
        message.expiryTime = Timestamp(milliseconds: 5)
        message.deliveryCount = 1
        var queued = QueuedMessage(bytes: try message.encoded(), position: 0)
        queued.failures = 3
        queued.merge(["x-opt-b": "added"])
        let letter = try Message(decoding: queued.deadLetter(from: "orders", reason))
        #expect(letter.text == "a" && letter.deliveryCount == 4)
        #expect(
            letter.timeToLive == nil && letter.expiryTime == Timestamp(milliseconds: 5), "its properties are its own")
        var queue = QueueHarness()
        #expect(queue.put(try letter.encoded()) == nil)
        #expect(queue.state.waitingCount == 1 && queue.state.messages.all.first?.expiry == nil, "it does not expire")
        #expect(letter.annotations["x-opt-b"] == "added")
        #expect(letter.annotations["x-first-death-queue"] == "orders")
        #expect(letter.annotations["x-last-death-reason"] == .string(name))
        #expect(letter.annotations["x-opt-deadletter-source"] == "orders")
        #expect(letter.annotations["x-opt-deadletter-description"] == text.map { .string($0) })
        // From there to another: where it was first stays.
        let again = QueuedMessage(bytes: try letter.encoded(), position: 0)
        let second = try Message(decoding: again.deadLetter(from: "dead", .rejected(nil)))
        #expect(second.annotations["x-first-death-queue"] == "orders")
        #expect(second.annotations["x-first-death-reason"] == .string(name))
        #expect(second.annotations["x-last-death-queue"] == "dead")
    }
}
