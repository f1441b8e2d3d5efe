// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Decodes the bytes in every way there is, and checks what must hold of what decodes.
func fuzzCodec(_ bytes: [UInt8]) {
    fuzzMessage(bytes)
    fuzzValues(bytes)
    fuzzURL(bytes)
}

/// Limits so tight that they are met often; the default ones would need larger inputs than a fuzzer tries.
private let tightLimits = DecodingLimits(depth: 3, elements: 20, totalSize: 200)

private func fuzzMessage(_ bytes: [UInt8]) {
    let isWithinTightLimits = (try? Message(decoding: bytes, limits: tightLimits)) != nil
    guard let message = decoded({ () throws(CodecError) in try Message(decoding: bytes) }, bytes.count) else {
        precondition(!isWithinTightLimits, "decodes only with tighter limits")
        fuzzInvalidMessage(bytes)
        return
    }
    precondition(!message.properties.values.contains(where: \.isCompound), "a property with a compound value")
    checkKeys(message.properties)
    checkKeys(message.annotations)
    precondition(encoded { () throws(CodecError) in try message.encoded() } == bytes, "unchanged bytes changed")

    let rebuilt = Message(
        id: message.id, body: message.body, address: message.address, subject: message.subject,
        replyTo: message.replyTo, correlationID: message.correlationID, properties: message.properties,
        annotations: message.annotations, contentType: message.contentType, contentEncoding: message.contentEncoding,
        isDurable: message.isDurable, priority: message.priority, timeToLive: message.timeToLive,
        isFirstAcquirer: message.isFirstAcquirer, deliveryCount: message.deliveryCount, userID: message.userID,
        expiryTime: message.expiryTime, creationTime: message.creationTime, groupID: message.groupID,
        groupSequence: message.groupSequence, replyToGroupID: message.replyToGroupID,
        deliveryAnnotations: message.deliveryAnnotations, footer: message.footer)
    precondition(rebuilt == message, "fields differ")
    precondition(rebuilt.hashValue == message.hashValue, "equal messages with different hash values")
    precondition(decodedAgain(rebuilt) == message, "fields changed on the way")

    // A broker counts a delivery and leaves the rest as it came; then everything but the body changes.
    var changed = message
    changed.deliveryCount &+= 1
    precondition(decodedAgain(changed) == changed, "a new header changed other sections")
    changed.id = 1
    changed.annotations["x-opt-fuzz"] = 1
    changed.deliveryAnnotations["x-opt-fuzz"] = 1
    changed.properties["fuzz"] = 1
    changed.footer["x-opt-fuzz"] = 1
    precondition(decodedAgain(changed) == changed, "new sections changed other sections")
    precondition(changed.body == message.body, "the body changed")

    _ = message.body.description
    _ = try? message.body.decode(FuzzTree.self)
}

/// What is no message is handed on with its bytes.
private func fuzzInvalidMessage(_ bytes: [UInt8]) {
    do throws(InvalidMessage) {
        _ = try Message(capacity: bytes.count, limits: .default) { memory in
            bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
            return bytes.count
        }
        preconditionFailure("decodes in memory that was filled only")
    } catch {
        precondition(error.bytes == bytes, "other bytes than those that came")
    }
}

/// Each key finds its own value, and pairs that are put in again stay the same.
private func checkKeys<Key>(_ map: OrderedMap<Key>) {
    for (key, value) in map { precondition(map[key] == value, "a key finds the value of another") }
    precondition(OrderedMap(map.map { ($0.key, $0.value) }) == map, "two keys are taken for one")
}

/// The value with the descriptors of outcomes in it as symbols.
private func named(_ value: AMQPValue) -> AMQPValue {
    let names: [UInt64: Symbol] = [
        0x23: "amqp:received:list", 0x24: "amqp:accepted:list", 0x25: "amqp:rejected:list",
        0x26: "amqp:released:list", 0x27: "amqp:modified:list", 0x33: "amqp:declared:list",
        0x34: "amqp:transactional-state:list",
    ]
    switch value {
    case .described(let described):
        var descriptor = described.descriptor
        if case .ulong(let code) = descriptor, let name = names[code] { descriptor = .symbol(name) }
        return .described(Described(descriptor: descriptor, value: named(described.value)))
    case .list(let elements): return .list(elements.map(named))
    default: return value
    }
}

private func fuzzValues(_ bytes: [UInt8]) {
    _ = try? AMQPValue.sequence(decoding: bytes, limits: tightLimits)
    guard let values = decoded({ () throws(CodecError) in try AMQPValue.sequence(decoding: bytes) }, bytes.count) else {
        return
    }
    for value in values {
        let again = encoded { () throws(CodecError) in try value.encoded() }
        guard let same = decoded({ () throws(CodecError) in try AMQPValue(decoding: again) }, again.count) else {
            preconditionFailure("own encoding does not decode")
        }
        precondition(same == value, "a value changed on the way")
        precondition(same.hashValue == value.hashValue, "equal values with different hash values")
        _ = value.description
        if case .map(let map) = value { checkKeys(map) }
        if let state = try? DeliveryState(described: value) {
            precondition((try? DeliveryState(described: state.described)) == state, "a state changed on the way")
            precondition((try? DeliveryState(described: named(state.described))) == state, "a symbol is another state")
        }
        _ = try? Condition(described: value)
        if let tree = try? AMQPDecoder().decode(FuzzTree.self, from: value) {
            guard let tree2 = try? AMQPDecoder().decode(FuzzTree.self, from: AMQPEncoder().encode(tree)) else {
                preconditionFailure("what was decoded does not encode and decode")
            }
            precondition(tree2 == tree, "a tree changed on the way")
        }
    }
}

private func fuzzURL(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self), var url = try? AMQPURL(text) else { return }
    url.password = nil
    precondition((try? AMQPURL(url.description)) == url, "a URL does not read back")
}

/// What decodes, or nil for a clear error within the bytes.
private func decoded<T>(_ decode: () throws(CodecError) -> T, _ count: Int) -> T? {
    do {
        return try decode()
    } catch {
        precondition(0...count ~= error.offset && !error.message.isEmpty, "an error beyond the bytes: \(error)")
        return nil
    }
}

/// The encoding of something that was decoded, which therefore must have one.
private func encoded(_ encode: () throws(CodecError) -> [UInt8]) -> [UInt8] {
    do {
        return try encode()
    } catch {
        preconditionFailure("what was decoded does not encode: \(error)")
    }
}

private func decodedAgain(_ message: Message) -> Message? {
    let bytes = encoded { () throws(CodecError) in try message.encoded() }
    return decoded({ () throws(CodecError) in try Message(decoding: bytes) }, bytes.count)
}

/// A Codable type that uses the bridge in all its ways.
private indirect enum FuzzTree: Codable, Equatable {
    case number(Int)
    case text(String)
    case bytes([UInt8])
    case list([FuzzTree?])
    case map([String: FuzzTree])
    case anything(AMQPValue)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let bytes = try? container.decode([UInt8].self) {
            self = .bytes(bytes)
        } else if let list = try? container.decode([FuzzTree?].self) {
            self = .list(list)
        } else if let map = try? container.decode([String: FuzzTree].self) {
            self = .map(map)
        } else {
            self = .anything(try container.decode(AMQPValue.self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .number(let number): try container.encode(number)
        case .text(let text): try container.encode(text)
        case .bytes(let bytes): try container.encode(bytes)
        case .list(let list): try container.encode(list)
        case .map(let map): try container.encode(map)
        case .anything(let value): try container.encode(value)
        }
    }
}
