import Proton

/// How much of a message is read; what the fields add up to is of no meaning.
///
/// A way that builds no `String` is to be called `views`, which run.py looks for among the values of `-r`.
enum Reading: String, CaseIterable {
    /// The id alone.
    case head
    /// The id and the body.
    case id
    /// Every field that was set, as the values that the fields have.
    case all

    func read(_ message: Message) -> Int {
        switch self {
        case .head: Self.head(message)
        case .id: Self.idAndBody(message)
        case .all: Self.all(message)
        }
    }

    static func head(_ message: Message) -> Int {
        if case .ulong(let id) = message.id { Int(truncatingIfNeeded: id) } else { 0 }
    }

    static func idAndBody(_ message: Message) -> Int {
        head(message) &+ size(message.body)
    }

    static func all(_ message: Message) -> Int {
        var sum = idAndBody(message) &+ (message.isDurable ? 1 : 0)
        sum &+= (message.address?.utf8.count ?? 0) &+ (message.subject?.utf8.count ?? 0)
        sum &+= (message.contentType?.name.utf8.count ?? 0) &+ Int(message.creationTime?.milliseconds ?? 0)
        for (key, value) in message.properties { sum &+= key.utf8.count &+ size(value) }
        return sum
    }

    private static func size(_ body: Message.Body) -> Int {
        switch body {
        case .data(let bytes): bytes.count
        case .value(let value): size(value)
        default: 0
        }
    }

    private static func size(_ value: AMQPValue) -> Int {
        switch value {
        case .string(let text): text.utf8.count
        case .long(let number): Int(truncatingIfNeeded: number)
        case .list(let elements): elements.reduce(0) { $0 &+ size($1) }
        case .map(let map): map.reduce(0) { $0 &+ size($1.key) &+ size($1.value) }
        default: 1
        }
    }
}
