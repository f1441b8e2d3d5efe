// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// A damaged encoding is refused with an error, or it is another valid one; it never traps.
@Suite struct PropertyMutationTests {
    @Test("Damaged messages throw or decode; what decodes keeps its bytes and its fields", arguments: [UInt64](1...4))
    func messages(_ part: UInt64) {
        var decodedCount = 0
        forEachSeed(part * 1000..<part * 1000 + 100) { (seed) throws in
            var generator = PropertyGenerator(seed: seed)
            let bytes = try generator.message().encoded()
            for _ in 0..<20 {
                let damaged = generator.mutated(bytes)
                guard let message = decoded({ () throws(CodecError) in try Message(decoding: damaged) }) else {
                    continue
                }
                decodedCount += 1
                #expect(try message.encoded() == damaged, "seed \(seed)")
                #expect(try Message(decoding: message.rebuilt().encoded()) == message, "seed \(seed)")
            }
        }
        // Else the test would show nothing: data and texts can change without a trace.
        #expect(decodedCount > 100)
    }

    @Test("Damaged values throw or decode; proton finds the same in what we decode", arguments: [UInt64](1...4))
    func values(_ part: UInt64) {
        var decodedCount = 0
        forEachSeed(part * 1000..<part * 1000 + 100) { (seed) throws in
            var generator = PropertyGenerator(seed: seed, scope: .proton)
            let bytes = try generator.value().encoded()
            for _ in 0..<20 {
                let damaged = generator.mutated(bytes)
                guard let values = decoded({ () throws(CodecError) in try AMQPValue.sequence(decoding: damaged) })
                else { continue }
                decodedCount += 1
                for value in values { #expect(try AMQPValue(decoding: value.encoded()) == value, "seed \(seed)") }
                // Damage can nest descriptors, which proton 0.37 refuses or mixes up.
                if let oracle = try? OracleData.decode(damaged), !values.contains(where: \.nestsDescriptors) {
                    #expect(oracle == values, "seed \(seed)")
                }
            }
        }
        #expect(decodedCount > 100)
    }

    /// What the closure decodes, or nothing when it throws; the error says where and what.
    private func decoded<T>(_ decode: () throws(CodecError) -> T) -> T? {
        do {
            return try decode()
        } catch {
            #expect(error.offset >= 0 && !error.message.isEmpty)
            return nil
        }
    }
}

extension PropertyGenerator {
    /// The bytes with one to four changes: bits, whole bytes, cuts, repeats, insertions.
    mutating func mutated(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<(1 + random.below(4)) where !bytes.isEmpty {
            let place = random.below(bytes.count)
            let end = min(bytes.count, place + 1 + random.below(8))
            switch random.below(7) {
            case 0: bytes[place] ^= 1 << random.below(8)
            case 1: bytes[place] = integer()
            case 2: bytes[place] = AMQPType.allCases.randomElement(using: &random)?.rawValue ?? 0
            case 3: bytes.removeSubrange(place..<end)
            case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
            case 5: bytes.replaceSubrange(place..<end, with: [UInt8](repeating: 0xff, count: end - place))
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }
}

extension AMQPValue {
    /// Whether a descriptor, or what it describes, is itself described or has parts.
    fileprivate var nestsDescriptors: Bool {
        switch self {
        case .described(let described):
            described.descriptor.isCompound || described.value.describedValue != nil || described.value.nestsDescriptors
        case .list(let elements): elements.contains(where: \.nestsDescriptors)
        case .map(let map): map.contains { $0.key.nestsDescriptors || $0.value.nestsDescriptors }
        case .array(let array):
            array.descriptors.count > 1 || array.descriptors.contains(where: \.isCompound)
                || array.elements.contains(where: \.nestsDescriptors)
        default: false
        }
    }

    private var isCompound: Bool {
        switch self {
        case .described, .list, .map, .array: true
        default: false
        }
    }
}

extension Message {
    /// A new message with the same fields.
    func rebuilt() -> Message {
        Message(
            id: id, body: body, address: address, subject: subject, replyTo: replyTo, correlationID: correlationID,
            properties: properties, annotations: annotations, contentType: contentType,
            contentEncoding: contentEncoding, isDurable: isDurable, priority: priority, timeToLive: timeToLive,
            isFirstAcquirer: isFirstAcquirer, deliveryCount: deliveryCount, userID: userID, expiryTime: expiryTime,
            creationTime: creationTime, groupID: groupID, groupSequence: groupSequence,
            replyToGroupID: replyToGroupID, deliveryAnnotations: deliveryAnnotations, footer: footer)
    }
}
