import Proton

/// The messages that are measured.
enum Sample: String, CaseIterable {
    /// An id and a body of data: what `-m msg` of the peers sends.
    case plain
    /// The header, properties and application properties too: their `-m msgp`.
    case withProperties = "properties"
    /// An id and a map, as programs that carry structured values send.
    case withMap = "map"

    func make(_ id: Int, _ body: [UInt8]) -> Message {
        switch self {
        case .plain:
            Message(id: MessageID(id), body: .data(body))
        case .withProperties:
            Message(
                id: MessageID(id), body: .data(body), address: "examples", subject: "subject",
                properties: ["key": "value", "seq": .long(Int64(id))], contentType: "application/octet-stream",
                isDurable: true, creationTime: Timestamp(milliseconds: 1_700_000_000_000))
        case .withMap:
            Message(
                id: MessageID(id),
                body: ["sequence": .long(Int64(id)), "name": "example", "values": [1.5, 2.5, 3.5], "ready": true])
        }
    }

    /// Reads every field that was set; what they add up to is of no meaning.
    func read(_ message: Message) -> Int {
        var sum = if case .ulong(let id) = message.id { Int(truncatingIfNeeded: id) } else { 0 }
        switch self {
        case .plain:
            sum &+= size(message.body)
        case .withProperties:
            sum &+= size(message.body) &+ (message.isDurable ? 1 : 0)
            sum &+= (message.address?.utf8.count ?? 0) &+ (message.subject?.utf8.count ?? 0)
            sum &+= (message.contentType?.name.utf8.count ?? 0) &+ Int(message.creationTime?.milliseconds ?? 0)
            for (key, value) in message.properties { sum &+= key.utf8.count &+ size(value) }
        case .withMap:
            sum &+= size(message.body)
        }
        return sum
    }

    private func size(_ body: Message.Body) -> Int {
        switch body {
        case .data(let bytes): bytes.count
        case .value(let value): size(value)
        default: 0
        }
    }

    private func size(_ value: AMQPValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .long(let number): Int(truncatingIfNeeded: number)
        case .list(let elements): elements.reduce(0) { $0 &+ size($1) }
        case .map(let map): map.reduce(0) { $0 &+ size($1.key) &+ size($1.value) }
        default: 1
        }
    }
}
