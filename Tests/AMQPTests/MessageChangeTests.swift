// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// Messages that are changed: by a pair in place, by a draft, and by both in any order.
@Suite struct MessageChangeTests {
    /// What a message says, as plain values.
    private struct Model {
        var properties: [(String, AMQPValue)]
        var annotations: [(AnnotationKey, AMQPValue)]
        var delivery: [(AnnotationKey, AMQPValue)]
        var subject: String?
        var priority: UInt8
        var body: Message.Body

        init(_ message: Message) {
            properties = message.properties.map { ($0.key, $0.value) }
            annotations = message.annotations.map { ($0.key, $0.value) }
            delivery = message.deliveryAnnotations.map { ($0.key, $0.value) }
            subject = message.subject
            priority = message.priority
            body = message.body
        }
    }

    @Test("A message says what it was changed to, however it was changed", arguments: [UInt64](1...4))
    func anyChanges(_ part: UInt64) {
        forEachSeed(part * 1000..<part * 1000 + 60) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            var message = generator.message()
            if generator.chance(2) { message = try Message(decoding: message.encoded()) }
            var model = Model(message)
            let original = message
            let bytes = try original.encoded()
            for _ in 0..<12 {
                change(&message, &model, &generator)
                check(message, model, seed)
            }
            let encoded = try message.encoded()
            check(try Message(decoding: encoded), model, seed)
            #expect(try Message(decoding: encoded) == message, "seed \(seed)")
            // The copy that was kept is what it was.
            #expect(try original.encoded() == bytes, "seed \(seed)")
        }
    }

    private func change(_ message: inout Message, _ model: inout Model, _ generator: inout PropertyGenerator) {
        let value = AMQPValue.string(generator.text())
        switch generator.random.below(9) {
        case 0, 1, 2:
            let old =
                model.properties.isEmpty ? nil : model.properties[generator.random.below(model.properties.count)].0
            let key = generator.chance(3) ? generator.text() : old ?? "key"
            message.properties[key] = value
            Self.set(&model.properties, key, value)
        case 3:
            guard let key = model.properties.last?.0 else { return }
            message.properties[key] = nil
            model.properties.removeLast()
        case 4:
            let key = model.annotations.last?.0 ?? "x-opt-new"
            message.annotations[key] = value
            Self.set(&model.annotations, key, value)
        case 5:
            message.deliveryAnnotations[17] = value
            Self.set(&model.delivery, 17, value)
        case 6:
            message.subject = generator.text()
            model.subject = message.subject
        case 7:
            message.priority = generator.random.byte()
            model.priority = message.priority
        default:
            message.body = generator.chance(2) ? generator.body() : .data(Array(repeating: 7, count: 2000))
            model.body = message.body
        }
    }

    private static func set<Key: MapKey>(_ pairs: inout [(Key, AMQPValue)], _ key: Key, _ value: AMQPValue) {
        if let place = pairs.firstIndex(where: { Key.isSame($0.0, key) }) {
            pairs[place].1 = value
        } else {
            pairs.append((key, value))
        }
    }

    private func check(_ message: Message, _ model: Model, _ seed: UInt64) {
        let now = Model(message)
        #expect(ApplicationProperties(now.properties) == ApplicationProperties(model.properties), "seed \(seed)")
        #expect(Annotations(now.annotations) == Annotations(model.annotations), "seed \(seed)")
        #expect(Annotations(now.delivery) == Annotations(model.delivery), "seed \(seed)")
        #expect(now.subject == model.subject && now.priority == model.priority, "seed \(seed)")
        #expect(now.body == model.body, "seed \(seed)")
        for (key, value) in model.properties { #expect(message.properties[key] == value, "seed \(seed)") }
        #expect(message.properties.count == model.properties.count, "seed \(seed)")
    }

    @Test("A map that was changed belongs to the message it came from, and to no other")
    func mapsThatMove() throws {
        let one = try Message(
            decoding: Message(id: 1, body: "one", properties: ["a": 1], annotations: ["x": 1]).encoded())
        let two = try Message(
            decoding: Message(id: 2, body: "two", properties: ["a": 2], annotations: ["x": 2]).encoded())
        var properties = one.properties
        properties["a"] = 3
        var mixed = two
        mixed.properties = properties
        #expect(mixed.id == 2 && mixed.body.stringValue == "two" && mixed.properties == ["a": 3])
        var own = one
        own.subject = "changed meanwhile"
        own.properties = properties
        own.properties["b"] = 4
        #expect(own.id == 1 && own.subject == "changed meanwhile" && own.properties == ["a": 3, "b": 4])
        var annotations = one.annotations
        annotations["x"] = 5
        own.deliveryAnnotations = annotations
        #expect(own.annotations == ["x": 1] && own.deliveryAnnotations == ["x": 5])
        #expect(try Message(decoding: own.encoded()) == own && one.properties == ["a": 1])
        let shared = own
        own.annotations["x"] = 6
        #expect(shared.annotations == ["x": 1] && own.annotations == ["x": 6])
    }

    @Test("What no message may have is refused when it is encoded, wherever it was set")
    func invalidChanges() throws {
        var message = try Message(decoding: Message(body: "x", properties: ["a": 1]).encoded())
        message.properties["a"] = [1]
        #expect(message.properties["a"] == [1])
        #expect(throws: CodecError.self) { try message.encoded() }
        message.properties["a"] = 2
        #expect(try Message(decoding: message.encoded()).properties == ["a": 2])
        var deep: AMQPValue = 1
        for _ in 0..<1030 { deep = [deep] }
        let made = Message(id: 7, body: .value(deep), subject: "kept", annotations: ["x": 1])
        #expect(made.id == 7 && made.subject == "kept" && made.annotations == ["x": 1])
        #expect(throws: CodecError.self) { try made.encoded() }
    }

    @Test("Texts are read where they stand, in messages that came in, were made, and were changed")
    func textsInPlace() throws {
        let made = Message(
            body: "x", subject: "a subject that is longer than fifteen bytes", properties: ["key": "väluе", "n": 7],
            contentType: "application/json")
        var changed = made
        changed.replyTo = "there"
        changed.properties["n"] = nil
        changed.properties["n"] = 7
        for message in [made, try Message(decoding: made.encoded()), changed] {
            #expect(message.withUTF8(of: .subject) { $0.count } == 43)
            #expect(message.has(.subject, "a subject that is longer than fifteen bytes"))
            #expect(message.has(.contentType, "application/json") && !message.has(.contentType, "application/jsom"))
            #expect(!message.has(.groupID, "") && message.withUTF8(of: .groupID) { $0.count } == nil)
            var seen: [String] = []
            message.properties.forEachInPlace { key, value in
                seen.append(String(copying: key) + "=\(value.value)")
                #expect(value.withUTF8 { String(copying: $0) } == (seen.count == 1 ? "väluе" : nil))
                #expect(value.intValue == (seen.count == 1 ? nil : 7))
            }
            #expect(seen == ["key=väluе", "n=7"])
            #expect(message.properties.withValue(of: "n") { $0.intValue } == 7)
            let none: Int?? = message.properties.withValue(of: "m") { $0.intValue }
            #expect(none == nil)
        }
    }

    @Test("A large body stays where pairs before and behind it are changed")
    func largeBody() throws {
        let body = Message.Body.data(Array(repeating: 7, count: 2000))
        var message = Message(body: body, properties: ["n": 7], annotations: ["a": 1], footer: ["f": 1])
        message.properties["n"] = "longer than before"
        message.annotations["a"] = "longer than before"
        message.footer["f"] = "longer than before"
        message.footer["g"] = true
        let expected = Message(
            body: body, properties: ["n": "longer than before"], annotations: ["a": "longer than before"],
            footer: ["f": "longer than before", "g": true])
        #expect(message == expected)
        #expect(try message.encoded() == expected.encoded())
    }

    @Test("A pair is changed among so many that their count takes four bytes")
    func manyPairs() throws {
        var properties = ApplicationProperties()
        for number in 0..<200 { properties["k\(number)"] = .long(Int64(number)) }
        var message = try Message(decoding: Message(properties: properties).encoded())
        var copy = message.properties
        for key in ["k7", "new"] {
            message.properties[key] = .string("changed")
            copy[key] = .string("changed")
            properties[key] = .string("changed")
        }
        #expect(copy == properties)
        #expect(message.properties == properties)
        #expect(try Message(decoding: message.encoded()).properties == properties)
    }

    @Test("Short texts are held as the standard library holds them")
    func smallTexts() {
        // What is taken for known of this compiler is what its library does.
        #expect(SmallText.isKnown && SmallText.isAsExpected)
        forEachSeed(1..<500) { seed in
            var generator = PropertyGenerator(seed: seed)
            let text = String(decoding: Array(generator.text().utf8), as: UTF8.self)
            let other = generator.text()
            let bytes = Array(text.utf8)
            bytes.withUnsafeBytes { bytes in
                guard let small = SmallText(bytes) else { return #expect(bytes.count > 15) }
                #expect(small.string == text && small.count == bytes.count)
                #expect(small.isASCII == text.utf8.allSatisfy { $0 < 0x80 })
                #expect(SmallText(text)?.bits == small.bits, "seed \(seed)")
            }
            for text in [text, other, text + other, other + text + other] where SmallText.isMarkedASCII(text) {
                #expect(text.utf8.allSatisfy { $0 < 0x80 }, "seed \(seed)")
            }
            #expect(text.hasSameBytes(as: text) && text.hasSameBytes(as: other) == (bytes == Array(other.utf8)))
        }
    }
}
