// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// Makes the messages that are sent, and takes those apart that come.
struct Payload {
    private let mode: Settings.Mode
    private let readsBody: Bool
    private let body: [UInt8]
    private let address: String
    private let encoded: [UInt8]

    init(_ settings: Settings) throws {
        mode = settings.mode
        readsBody = settings.reading != .head
        body = [UInt8](repeating: UInt8(ascii: "x"), count: settings.bodySize)
        address = settings.address
        encoded = try Payload.message(1, mode: mode, body: body, address: address).encoded()
    }

    /// The size of the first message, in bytes.
    var encodedSize: Int { encoded.count }

    /// Sends the message with this number.
    @inline(__always)
    func send(_ id: UInt64, on sender: Sender) throws {
        if mode == .raw {
            try sender.send(encoded: encoded)
        } else {
            try sender.send(Payload.message(id, mode: mode, body: body, address: address))
        }
    }

    /// The message with this number, for a sender that encodes it.
    func message(_ id: UInt64) -> Message { Payload.message(id, mode: mode, body: body, address: address) }

    /// Reads the id and, unless the settings say otherwise, the body of a message; what they add up to keeps the work from
    /// being left out.
    @inline(__always)
    func consume(_ message: Message) -> UInt64 {
        guard mode != .raw, case .ulong(let id) = message.id else { return 0 }
        guard readsBody else { return id }
        return id &+ UInt64(message.withBodyBytes { $0.byteCount } ?? 0)
    }

    private static func message(_ id: UInt64, mode: Settings.Mode, body: [UInt8], address: String) -> Message {
        guard mode == .msgp else { return Message(id: .ulong(id), body: .data(body)) }
        return Message(
            id: .ulong(id), body: .data(body), address: address, subject: "subject",
            properties: ["key": "value", "seq": .long(Int64(id))], contentType: "application/octet-stream",
            isDurable: true, creationTime: Timestamp(milliseconds: 1_700_000_000_000))
    }
}
