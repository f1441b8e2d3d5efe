// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// Frames that come before SASL is done and are made to be read wrongly: proton's log of frames reads beyond the ends of these.
struct SASLHostileBytesTests {
    /// The value behind a descriptor, by what is wrong with it.
    static let values: [(name: String, bytes: [UInt8])] = [
        ("an empty list", [0x45]),
        ("a list of five", [0xc0, 7, 5, 0x41, 0x54, 1, 0x42, 0x41, 0x40]),
        ("a long list", [0xd0, 0, 0, 0, 10, 0, 0, 0, 6] + [UInt8](repeating: 0x41, count: 6)),
        ("a list of too many", [0xc0, 3, 200, 0x41, 0x41]),
        ("a map", [0xc1, 5, 2, 0xa3, 1, 97, 0x41]),
        ("a list shorter than its count", [0xd0, 0, 0, 0, 1, 0]),
        ("a map shorter than its count", [0xd1, 0, 0, 0, 3, 0, 0, 0]),
        ("an array shorter than its count", [0xf0, 0, 0, 0, 2, 0, 0]),
        ("an array of nothing", [0xe0, 1, 0]),
        ("an array without its elements", [0xe0, 2, 9, 0xa3]),
        ("empty symbols", [0xc0, 12, 3, 0xa3, 0, 0xb3, 0, 0, 0, 0, 0xe0, 2, 0, 0xa3]),
        ("an empty symbol", [0xa3, 0]),
        ("a truncated list", [0xd0, 0, 0, 0x10, 0, 0, 0, 0, 3, 0xa1, 200]),
        ("a truncated string", [0xc0, 4, 1, 0xa1, 200, 97]),
        ("a truncated number", [0x80, 1]),
        ("descriptors in descriptors", [UInt8](repeating: 0, count: 2_000)),
        (
            "lists in lists",
            (0..<300).flatMap { depth in
                let rest = UInt32(9 * (300 - depth) - 5)
                return [0xd0] + withUnsafeBytes(of: rest.bigEndian, Array.init) + [0, 0, 0, 1]
            }
        ),
        ("no value", []),
        ("an unknown type", [0x3f, 1, 2, 3]),
    ]

    /// A frame with a descriptor, as a smallulong or as a ulong.
    static func frame(type: UInt8, _ descriptor: [UInt8], _ value: [UInt8]) -> [UInt8] {
        let body = [0] + descriptor + value
        return withUnsafeBytes(of: UInt32(8 + body.count).bigEndian, Array.init) + [2, type, 0, 0] + body
    }

    private static let descriptors: [[UInt8]] =
        (0...UInt8.max).flatMap { code in [[0x53, code], [0x80, 0, 0, 0, 0, 0, 0, 0, code]] }
        + [[0x44], [0x80, 1, 0, 0, 0, 0, 0, 0, 0x10], [0xa3, 0], [0xa3, 4, 97, 109, 113, 112], [0x53], [], [0x40]]

    /// Sends each as the first frame of a connection, and as the one behind a good frame.
    private static func sendAll(_ value: [UInt8], type: UInt8, isServer: Bool) throws {
        let begun: [Frame] = [.saslHeader] + (isServer ? [] : [.saslMechanisms("X-NONE", "ANONYMOUS")])
        for descriptor in descriptors {
            for beginning in [[.saslHeader], begun] {
                let raw = RawPeer(isServer: isServer, usesSASL: true)
                try raw.send(beginning.flatMap(\.bytes))
                try raw.send(frame(type: type, descriptor, value))
                try raw.pump()
                #expect(raw.peer.connection.links.isEmpty && raw.peer.connection.allSessions.isEmpty)
                #expect(raw.peer.events.count("connection.remoteOpen") == 0)
                #expect(type == 1 || raw.isClosed, "\(descriptor)")
            }
        }
    }

    @Test(arguments: values.indices, [true, false])
    func framesOfAMQP(_ index: Int, isServer: Bool) throws {
        try Self.sendAll(Self.values[index].bytes, type: 0, isServer: isServer)
    }

    @Test(arguments: values.indices, [true, false])
    func framesOfSASL(_ index: Int, isServer: Bool) throws {
        try Self.sendAll(Self.values[index].bytes, type: 1, isServer: isServer)
    }
}
