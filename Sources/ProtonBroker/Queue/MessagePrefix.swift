// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// The parts of an encoded message that a queue reads: its header (AMQP 1.0, 3.2.1), whether it has annotations, and when it
/// expires (3.2.4: `absolute-expiry-time`).
///
/// Most messages have no header, or an empty one, and cost only a few bytes to read. An invalid section is ignored: the consumer
/// refuses such a message.
struct MessagePrefix: Equatable {
    /// The header's durable field.
    var isDurable = false
    /// The priority of the message: higher ones are delivered first.
    var priority: UInt8 = 4
    /// The time to live in milliseconds; nil for no limit.
    var timeToLive: UInt32?
    /// The header's first-acquirer field.
    var isFirstAcquirer = false
    /// How many deliveries failed before the message arrived.
    var deliveryCount: UInt32 = 0
    /// The end of the header; 0 if there is none.
    private(set) var headerEnd = 0
    /// Whether the message has annotations, or may have them.
    private(set) var mayHaveAnnotations = false
    /// The absolute expiry time, in milliseconds since 1970; nil if the message has none.
    private(set) var expiryTime: Int64?
    /// Whether the message has only a header and properties before the body: then there is nothing to check.
    private var isPlain = false

    init(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            guard bytes.count > 3, bytes[0] == 0x00 else { return }
            // A descriptor in a longer form than necessary, or with its symbol, is rare.
            guard bytes[1] == 0x53 else { return decode(bytes) }
            var scan = Scan(bytes: bytes)
            if bytes[2] == 0x70 {
                guard let list = scan.list() else { return decode(bytes) }
                readHeader(list, bytes)
                headerEnd = list.end
            }
            readOn(&scan, bytes)
        }
    }

    /// The error of a message that the broker cannot process; nil if there is none.
    func problem(in bytes: [UInt8]) -> Condition? {
        if isPlain { return nil }
        guard !bytes.isEmpty else {
            return Condition(.decodeError, "A message has at least one section: this one is empty.")
        }
        return MessageCheck.problem(in: bytes)
    }

    /// Reads the sections after the header, up to the properties.
    private mutating func readOn(_ scan: inout Scan, _ bytes: UnsafeBufferPointer<UInt8>) {
        while let code = scan.code {
            switch code {
            case 0x71, 0x72:
                mayHaveAnnotations = true
                guard scan.skipMap() else { return }
            case 0x73:
                guard let list = scan.list() else { return }
                if list.count > 8 { readExpiryTime(list, bytes) }
            case 0: return decode(bytes)
            case 0x75...0x77:
                isPlain = !mayHaveAnnotations
                return
            default: return
            }
        }
    }

    /// Reads the header's fields, or none of them.
    private mutating func readHeader(_ list: Scan.List, _ bytes: UnsafeBufferPointer<UInt8>) {
        var scan = Scan(bytes: bytes, offset: list.start)
        var read = self
        for field in 0..<min(list.count, 5) {
            guard scan.offset < list.end, let value = scan.simpleValue() else { return }
            switch (field, value) {
            case (_, .null): break
            case (0, .boolean(let flag)): read.isDurable = flag
            case (1, .unsigned(let number)) where number <= 255: read.priority = UInt8(number)
            case (2, .unsigned(let number)): read.timeToLive = number
            case (3, .boolean(let flag)): read.isFirstAcquirer = flag
            case (4, .unsigned(let number)): read.deliveryCount = number
            default: return
            }
        }
        self = read
    }

    /// Reads the ninth field of the properties.
    private mutating func readExpiryTime(_ list: Scan.List, _ bytes: UnsafeBufferPointer<UInt8>) {
        var scan = Scan(bytes: bytes, offset: list.start)
        for _ in 0..<8 { guard scan.skipValue(), scan.offset < list.end else { return } }
        noteExpiryTime(scan.timestamp())
    }

    /// Some senders send 0 for no expiry time.
    private mutating func noteExpiryTime(_ time: Int64?) {
        if let time, time > 0 { expiryTime = time }
    }

    /// Reads a message whose sections have unusual descriptors.
    private mutating func decode(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let message = try? Message(decoding: Array(bytes)) else { return }
        (isDurable, priority) = (message.isDurable, message.priority)
        timeToLive = message.timeToLive.map { UInt32(clamping: $0.milliseconds) }
        (isFirstAcquirer, deliveryCount) = (message.isFirstAcquirer, message.deliveryCount)
        mayHaveAnnotations = true
        noteExpiryTime(message.expiryTime?.milliseconds)
    }
}

/// A position in an encoded message, which advances by sections and values; nothing is read beyond the end.
private struct Scan {
    /// The extent and count of a list.
    struct List {
        let start: Int
        let end: Int
        let count: Int
    }

    /// A value of a type that the header has.
    enum Simple {
        case null
        case boolean(Bool)
        case unsigned(UInt32)
    }

    let bytes: UnsafeBufferPointer<UInt8>
    var offset = 0

    private func has(_ count: Int) -> Bool { count <= bytes.count - offset }

    /// The code of the section here; 0 if its descriptor has an unusual form, nil at the end.
    var code: UInt8? {
        guard has(3) else { return nil }
        return bytes[offset] == 0x00 && bytes[offset + 1] == 0x53 ? bytes[offset + 2] : 0
    }

    private func number(at offset: Int) -> UInt32 {
        UInt32(bytes[offset]) << 24 | UInt32(bytes[offset + 1]) << 16 | UInt32(bytes[offset + 2]) << 8
            | UInt32(bytes[offset + 3])
    }

    /// The list of the section here; the position is then after it.
    mutating func list() -> List? {
        guard has(4) else { return nil }
        let start = offset + 4
        switch bytes[offset + 3] {
        case 0x45:
            offset = start
            return List(start: start, end: start, count: 0)
        case 0xc0:
            guard has(6), bytes[start] >= 1, has(5 + Int(bytes[start])) else { return nil }
            let end = start + 1 + Int(bytes[start])
            defer { offset = end }
            return List(start: start + 2, end: end, count: Int(bytes[start + 1]))
        case 0xd0:
            guard has(12), case let size = Int(number(at: start)), size >= 4, has(8 + size) else { return nil }
            let end = start + 4 + size
            defer { offset = end }
            return List(start: start + 8, end: end, count: Int(number(at: start + 4)))
        default: return nil
        }
    }

    /// Skips the map of the section here.
    mutating func skipMap() -> Bool {
        offset += 3
        guard has(1), bytes[offset] >> 4 == 0xc || bytes[offset] >> 4 == 0xd else { return false }
        return skipValue()
    }

    /// Skips a value.
    mutating func skipValue() -> Bool {
        guard has(1) else { return false }
        let constructor = bytes[offset]
        let size: Int
        switch constructor >> 4 {
        case 0x4: size = 0
        case 0x5: size = 1
        case 0x6: size = 2
        case 0x7: size = 4
        case 0x8: size = 8
        case 0x9: size = 16
        case 0xa, 0xc, 0xe:
            guard has(2) else { return false }
            size = 1 + Int(bytes[offset + 1])
        case 0xb, 0xd, 0xf:
            guard has(5) else { return false }
            size = 4 + Int(number(at: offset + 1))
        default: return false
        }
        guard has(1 + size) else { return false }
        offset += 1 + size
        return true
    }

    /// A value of a type that the header has.
    mutating func simpleValue() -> Simple? {
        let start = offset
        guard skipValue() else { return nil }
        return switch bytes[start] {
        case 0x40: .null
        case 0x41: .boolean(true)
        case 0x42: .boolean(false)
        case 0x56: .boolean(bytes[start + 1] == 1)
        case 0x43: .unsigned(0)
        case 0x50, 0x52: .unsigned(UInt32(bytes[start + 1]))
        case 0x70: .unsigned(number(at: start + 1))
        default: nil
        }
    }

    /// A timestamp; nil for other values.
    func timestamp() -> Int64? {
        guard has(9), bytes[offset] == 0x83 else { return nil }
        let high = UInt64(number(at: offset + 1))
        return Int64(bitPattern: high << 32 | UInt64(number(at: offset + 5)))
    }
}

/// Checks whether the broker can process a message that arrives.
///
/// Selectors, delivery times, redelivery and dead letters read the sections before the body (AMQP 1.0, 3.2), and none of them if
/// one is invalid. So these sections are checked if a message has annotations or application properties. Refused are annotations
/// whose keys are neither symbols nor ulongs (3.2.3), application properties that are lists, maps or arrays (3.2.5), sections
/// that are repeated, out of order or truncated, and fields of a wrong type.
///
/// The consumer has to check the body, the footer, and the fields of a header and properties that are followed by a body only:
/// selectors treat invalid ones as missing.
enum MessageCheck {
    /// The error of an encoded message of message format 0; nil if it can be queued.
    ///
    /// The cost is that of reading the descriptors, and of decoding annotations and application properties.
    /// - Returns: `amqp:decode-error`, with the error and its byte position, for the rejected outcome.
    static func problem(in bytes: [UInt8]) -> Condition? {
        if isPlain(bytes) { return nil }
        do throws(CodecError) {
            _ = try Message.headSize(of: bytes)
            return nil
        } catch {
            return Condition(.decodeError, "The message is not valid: \(error).")
        }
    }

    /// Whether only a header and properties, both of up to 255 bytes, come before the body.
    static func isPlain(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        var last: UInt8 = 0
        while offset + 4 < bytes.count, bytes[offset] == 0x00, bytes[offset + 1] == 0x53 {
            let code = bytes[offset + 2]
            if 0x75...0x77 ~= code { return true }
            guard code == 0x70 || code == 0x73, code > last else { return false }
            last = code
            switch bytes[offset + 3] {
            case 0x45: offset += 4
            case 0xc0: offset += 5 + Int(bytes[offset + 4])
            default: return false
            }
        }
        return false
    }
}
