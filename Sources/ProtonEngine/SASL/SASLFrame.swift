// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// A SASL frame (AMQP 1.0, 5.3.3).
enum SASLFrame: Equatable {
    /// A server offers mechanisms.
    case mechanisms([String])
    /// A client chooses one.
    case initialize(mechanism: String, response: [UInt8]?)
    case challenge([UInt8])
    case response([UInt8])
    /// A server ends the exchange; 0 is success.
    case outcome(code: UInt8, data: [UInt8]?)

    // MARK: From the peer

    /// Decodes the body of a frame; nil if it is not a SASL frame.
    init?(_ body: [UInt8]) {
        // The values of SASL frames are not nested, except for the array of mechanisms; a client's hostname is ignored.
        let limits = DecodingLimits(depth: 4, elements: body.count, totalSize: body.count)
        guard case .described(let performative)? = try? AMQPValue(decoding: body, limits: limits),
            case .list(let fields) = performative.value
        else { return nil }
        let first = fields.first ?? .null
        let second = fields.count > 1 ? fields[1] : .null
        switch performative.descriptor {
        case .ulong(0x40), .symbol("amqp:sasl-mechanisms:list"):
            guard let names = SASLFrame.names(first) else { return nil }
            self = .mechanisms(names)
        case .ulong(0x41), .symbol("amqp:sasl-init:list"):
            guard case .symbol(let mechanism) = first, let response = SASLFrame.bytes(second) else { return nil }
            self = .initialize(mechanism: mechanism.name, response: response)
        case .ulong(0x42), .symbol("amqp:sasl-challenge:list"):
            guard let challenge = SASLFrame.bytes(first) else { return nil }
            self = .challenge(challenge ?? [])
        case .ulong(0x43), .symbol("amqp:sasl-response:list"):
            guard let response = SASLFrame.bytes(first) else { return nil }
            self = .response(response ?? [])
        case .ulong(0x44), .symbol("amqp:sasl-outcome:list"):
            guard case .ubyte(let code) = first, let data = SASLFrame.bytes(second) else { return nil }
            self = .outcome(code: code, data: data)
        default: return nil
        }
    }

    /// One or several names; nil if the field has another type.
    private static func names(_ field: AMQPValue) -> [String]? {
        switch field {
        case .null: []
        case .symbol(let name): [name.name]
        case .array(let array) where array.elements.isEmpty: []
        case .array(let array) where array.elementType == .symbol && array.descriptors.isEmpty:
            array.elements.compactMap { if case .symbol(let name) = $0 { name.name } else { nil } }
        default: nil
        }
    }

    /// The bytes of an optional field; nil if the field has another type.
    private static func bytes(_ field: AMQPValue) -> [UInt8]?? {
        switch field {
        case .null: .some(nil)
        case .binary(let bytes): bytes
        default: nil
        }
    }

    // MARK: To the peer

    /// The complete frame.
    var encoded: [UInt8] {
        switch self {
        case .mechanisms(let names):
            let symbols = names.map { SASLFrame.variable(0xb3, Array($0.utf8)).dropFirst() }
            let array = SASLFrame.compound(0xf0, count: names.count, [0xb3] + symbols.flatMap { $0 })
            return SASLFrame.frame(0x40, [array])
        case .initialize(let mechanism, let response):
            let name = SASLFrame.variable(0xb3, Array(mechanism.utf8))
            return SASLFrame.frame(0x41, [name] + (response.map { [SASLFrame.variable(0xb0, $0)] } ?? []))
        case .challenge(let bytes): return SASLFrame.frame(0x42, [SASLFrame.variable(0xb0, bytes)])
        case .response(let bytes): return SASLFrame.frame(0x43, [SASLFrame.variable(0xb0, bytes)])
        case .outcome(let code, let data):
            return SASLFrame.frame(0x44, [[0x50, code]] + (data.map { [SASLFrame.variable(0xb0, $0)] } ?? []))
        }
    }

    private static func frame(_ code: UInt8, _ fields: [[UInt8]]) -> [UInt8] {
        let body = [0, 0x53, code] + compound(0xd0, count: fields.count, fields.flatMap { $0 })
        return word(8 + body.count) + [2, 1, 0, 0] + body
    }

    private static func compound(_ constructor: UInt8, count: Int, _ contents: [UInt8]) -> [UInt8] {
        [constructor] + word(contents.count + 4) + word(count) + contents
    }

    private static func variable(_ constructor: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [constructor] + word(bytes.count) + bytes
    }

    private static func word(_ value: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(truncatingIfNeeded: value).bigEndian, Array.init)
    }
}
