// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension InteropTests.LibraryTests {
    /// What is tried with a library.
    enum Task: String, CaseIterable, Sendable {
        case anonymous = "connect: SASL ANONYMOUS"
        case noSASL = "connect: without SASL"
        case confirmed = "send: confirmed"
        case settled = "send and receive: settled"
        case order = "receive: in order, with several windows of credit"
        case batches = "receive: in batches"
        case credit = "credit by hand"
        case outcomes = "released, modified and rejected messages"
        case second = "the receiver settles second"
        case large = "1 MiB in a message"
        case fields = "message: each field comes through"
        case types = "message: properties of each type"
        case bodies = "message: bodies of each kind"
        case dynamic = "dynamic reply queue"
        case relay = "anonymous relay"
        case selector = "selector"
        case subscription = "durable subscription to a topic"
        case refused = "a link that is refused is an error, and the session goes on"
        case many = "many sessions and links"
        case heartbeats = "heartbeats while nothing else is sent"
        case asynchronous = "the library's asynchronous clients"

        /// The libraries that have it: there it must work.
        var libraries: Set<Library> {
            switch self {
            case .anonymous, .confirmed, .settled, .order, .outcomes, .large, .fields, .bodies, .selector, .heartbeats:
                [.go, .uamqp]
            case .noSASL, .credit, .types, .dynamic, .relay, .second, .subscription, .refused, .many: [.go]
            case .batches, .asynchronous: [.uamqp]
            }
        }

        /// What the libraries' programs call it.
        var feature: String {
            switch self {
            case .noSASL: "no-sasl"
            default: "\(self)"
            }
        }

        /// The messages that are sent there and back.
        func messages(for library: Library) -> [Message] {
            switch self {
            case .fields:
                var message = Feature.fullMessage()
                if library == .uamqp {
                    // It takes bytes for texts, and puts a footer before the body, where none may be (3.2).
                    (message.id, message.correlationID, message.footer) = ("id", "correlation id", [:])
                }
                return [message]
            case .types:
                return library.values.filter { !$0.isCompound }.map { Message(properties: ["value": $0]) }
            case .bodies:
                let bodies: [Message.Body] = [.data([0, 1, 255]), .sequence([.int(1), "two", [.int(3)]])]
                return (bodies + library.values.map { .value($0) }).map { Message(body: $0) }
            default: return []
            }
        }
    }
}

extension Library {
    /// Values of the types that the library has.
    var values: [AMQPValue] {
        switch self {
        case .go:
            (Feature.simpleValues + Feature.compoundValues).filter { value in
                switch value.type {
                // It has no characters and decimals, and null is nothing.
                case .char, .decimal32, .decimal64, .decimal128, .null: false
                // It reads a symbol as a string, also where one describes a value.
                case .symbol, nil: false
                default: true
                }
            }
        // What it reads it writes as one of these: it makes other numbers, symbols and the like of Python's types.
        case .uamqp:
            [
                "Grüße", true, .int(-2_000_000_000), .double(-2.25), .uuid(AMQPUUID(high: 3, low: 4)),
                [.int(1), "two"],
                ["key": .int(1)],
            ]
        }
    }
}

extension AMQPValue {
    fileprivate var isCompound: Bool { Feature.compoundValues.contains(self) }
}
