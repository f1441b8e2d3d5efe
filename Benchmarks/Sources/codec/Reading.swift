// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// How much of a message is read; what the fields add up to is of no meaning.
///
/// The body is read where it stands, as C does it.
enum Reading: String, CaseIterable {
    /// The id alone.
    case head
    /// The id and the body.
    case id
    /// Every field that was set, as the values that the fields have.
    case all
    /// Every field that was set, texts where they stand.
    case views

    func read(_ message: Message) -> Int {
        switch self {
        case .head: Self.head(message)
        case .id: Self.idAndBody(message)
        case .all: Self.all(message)
        case .views: Self.views(message)
        }
    }

    static func head(_ message: Message) -> Int {
        if case .ulong(let id) = message.id { Int(truncatingIfNeeded: id) } else { 0 }
    }

    static func idAndBody(_ message: Message) -> Int {
        head(message) &+ (message.withBodyBytes { $0.byteCount } ?? size(message.body))
    }

    static func all(_ message: Message) -> Int {
        var sum = idAndBody(message) &+ (message.isDurable ? 1 : 0)
        sum &+= (message.address?.utf8.count ?? 0) &+ (message.subject?.utf8.count ?? 0)
        sum &+= (message.contentType?.name.utf8.count ?? 0) &+ Int(message.creationTime?.milliseconds ?? 0)
        for (key, value) in message.properties { sum &+= key.utf8.count &+ size(value) }
        return sum
    }

    static func views(_ message: Message) -> Int {
        var sum = idAndBody(message) &+ (message.isDurable ? 1 : 0)
        sum &+= message.withUTF8(of: .address) { $0.count } ?? 0
        sum &+= message.withUTF8(of: .subject) { $0.count } ?? 0
        sum &+= message.withUTF8(of: .contentType) { $0.count } ?? 0
        sum &+= Int(message.creationTime?.milliseconds ?? 0)
        message.properties.forEachInPlace { key, value in
            sum &+= key.count &+ (value.withUTF8 { $0.count } ?? value.intValue ?? 1)
        }
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
