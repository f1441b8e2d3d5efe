// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonBroker

/// What of an arriving message is refused.
struct MessageCheckTests {
    private static let body: [UInt8] = [0x00, 0x53, 0x77, 0x40]

    private static let noProperties: [UInt8] = [0x00, 0x53, 0x74, 0xc1, 1, 0]

    @Test(
        arguments: [
            (
                "string keys in annotations", [0x00, 0x53, 0x72, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x41],
                "neither a symbol nor a ulong"
            ),
            (
                "a uint key in annotations", [0x00, 0x53, 0x72, 0xc1, 4, 2, 0x52, 1, 0x41],
                "neither a symbol nor a ulong"
            ),
            (
                "string keys behind a header",
                [0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x72, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x41],
                "neither a symbol nor a ulong"
            ),
            ("string keys in delivery annotations", [0x00, 0x53, 0x71, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x41], "symbol"),
            (
                "a list in the application properties", [0x00, 0x53, 0x74, 0xc1, 5, 2, 0xa1, 1, 0x61, 0x45],
                "a list, a map"
            ),
            ("a map in them", [0x00, 0x53, 0x74, 0xc1, 7, 2, 0xa1, 1, 0x61, 0xc1, 1, 0], "a list, a map"),
            (
                "the descriptor in long form",
                [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x74, 0xd1, 0, 0, 0, 8, 0, 0, 0, 2, 0xa1, 1, 0x61, 0x45],
                "a list, a map"
            ),
            ("the same key twice", [0x00, 0x53, 0x72, 0xc1, 9, 4, 0xa3, 1, 0x61, 0x41, 0xa3, 1, 0x61, 0x41], "twice"),
            ("a header of a wrong type", [0x00, 0x53, 0x70, 0xc0, 3, 1, 0x50, 1] + noProperties, "header"),
            (
                "a subject that is no string",
                [0x00, 0x53, 0x73, 0xc0, 5, 4, 0x40, 0x40, 0x40, 0x41] + noProperties, "properties"
            ),
            ("two headers", [0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x70, 0x45], "out of order"),
            ("properties twice", [0x00, 0x53, 0x73, 0x45, 0x00, 0x53, 0x73, 0x45], "out of order"),
            ("a header behind properties", [0x00, 0x53, 0x73, 0x45, 0x00, 0x53, 0x70, 0x45], "out of order"),
            ("a header that is cut", [0x00, 0x53, 0x70, 0xc0, 200, 1], "left"),
            ("a section that is cut", [0x00, 0x53, 0x74, 0xc1, 90, 2, 0xa1, 1], "left"),
            ("sections out of order", [0x00, 0x53, 0x74, 0xc1, 1, 0, 0x00, 0x53, 0x73, 0x45], "out of order"),
            ("no section at all", [0xde, 0xad], "descriptor"),
            ("nothing", [], "no bytes"),
        ] as [(String, [UInt8], String)])
    func refuses(_ what: String, head: [UInt8], reason: String) {
        let problem = MessageCheck.problem(in: head.isEmpty ? head : head + MessageCheckTests.body)
        #expect(problem?.name == .decodeError, "\(what)")
        #expect(problem?.description?.contains(reason) == true, "\(problem as Any)")
    }

    @Test(
        arguments: [
            MessageCheckTests.body, [0x00, 0x53, 0x75, 0xa0, 0], [0x00, 0x53, 0x70, 0x45], [0x00, 0x53, 0x73, 0x45],
            // A body that is not valid is for the consumer to see.
            [0x00, 0x53, 0x75, 0xa0, 99], noProperties + body + body,
            // So are the fields of a header and properties that nothing but a body follows.
            [0x00, 0x53, 0x70, 0xc0, 3, 1, 0x50, 1] + body + [0], [0x00, 0x53, 0x73, 0xc0, 2, 1, 0x41] + body + [0],
            [0x00, 0x53, 0x72, 0xc1, 11, 4, 0xa3, 1, 0x61, 0x45, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0x41].with(size: 4),
        ] as [[UInt8]])
    func takes(_ bytes: [UInt8]) {
        #expect(MessageCheck.problem(in: bytes) == nil)
    }

    /// What passes is read by selectors; what an encoder here makes passes.
    @Test func whatPassesIsSeenBySelectors() throws {
        let message = Message(
            id: 1, body: .data([1]), subject: "s", properties: ["colour": "red", "b": .binary([1])],
            annotations: ["x-opt-a": [1, 2], 7: "seven"], deliveryAnnotations: ["x-opt-d": .map([1: 2])])
        var bytes = try message.encoded()
        #expect(MessageCheck.problem(in: bytes) == nil)
        // The body ends too early, which is nothing to selectors.
        bytes.removeLast()
        #expect(MessageCheck.problem(in: bytes) == nil)
        let selector = try Selector("colour = 'red' AND amqp.subject = 's' AND m.x-opt-a IS NOT NULL AND b IS NOT NULL")
        #expect(selector.matches(MessageContent(bytes, selector.parts).subject(failures: 0)))
    }

    @Test(
        arguments: [
            ([0x00, 0x53, 0x75, 0xa0, 0], true), ([0x00, 0x53, 0x70, 0x45, 0x00, 0x53, 0x75, 0xa0, 0], true),
            (
                [0x00, 0x53, 0x70, 0xc0, 2, 1, 0x41, 0x00, 0x53, 0x73, 0xc0, 2, 1, 0x44, 0x00, 0x53, 0x77, 0xa1, 0],
                true
            ),
            ([0x00, 0x53, 0x73, 0xc0], false), ([0x00, 0x53, 0x73, 0xc0, 9], false),
            ([0x00, 0x53, 0x70, 0xc0, 255, 0], false),
            ([0x00, 0x53, 0x72, 0xc1, 1, 0, 0x00, 0x53, 0x77, 0xa1, 0], false), ([], false), ([0, 0x53, 0x75], false),
        ] as [([UInt8], Bool)])
    func isPlain(_ bytes: [UInt8], _ isPlain: Bool) {
        #expect(MessageCheck.isPlain(bytes) == isPlain)
    }

    /// Whatever arrives is refused or decodes as far as selectors read it, and nothing traps.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func anyBytesAreRefusedOrRead(seed: UInt64) throws {
        var random = SplitMix(state: seed)
        let message = Message(
            id: "id", body: "body", subject: "s", properties: ["a": "b", "c": 1], annotations: ["x": 1], isDurable: true
        )
        let valid = try message.encoded()
        for _ in 0..<2_000 {
            var bytes = valid
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                bytes[place] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random)) }
            let isRead = (try? Message(decodingHeadOf: bytes)) != nil
            let isTaken = MessageCheck.problem(in: bytes) == nil
            #expect(isTaken == (isRead || MessageCheck.isPlain(bytes)), "seed \(seed): \(bytes)")
            _ = MessageContent(bytes, [.applicationProperties, .annotations, SelectorParts(.messageID)])
        }
    }
}

extension [UInt8] {
    /// The bytes of a message that begins with a short map, with the map's size put right.
    fileprivate func with(size place: Int) -> [UInt8] {
        var bytes = self
        bytes[place] = UInt8(count - place - 1)
        return bytes
    }
}
