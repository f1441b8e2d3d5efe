// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

extension Frame {
    /// The maximum size of a frame: 16 MiB.
    static let maxSize = 16 * 1_024 * 1_024

    /// Removes the first frame, or protocol header, from bytes.
    /// - Returns: nil if it is incomplete.
    /// - Throws: `ProtonError.Code.protocolViolation` if the bytes are not a frame.
    package static func take(from bytes: inout ArraySlice<UInt8>) throws -> Frame? {
        guard bytes.count >= 8 else { return nil }
        if bytes.starts(with: protocolName) {
            let version = Array(bytes.dropFirst(4).prefix(4))
            bytes = bytes.dropFirst(8)
            switch version {
            case [0, 1, 0, 0]: return .amqpHeader
            case [3, 1, 0, 0]: return .saslHeader
            default: return Frame(.otherHeader, payload: version)
            }
        }
        let start = bytes.startIndex
        let size = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        let bodyOffset = Int(bytes[start + 4]) * 4
        guard size >= 8, size <= maxSize, bodyOffset >= 8, bodyOffset <= size else {
            let begin = bytes.prefix(16).map { String($0, radix: 16) }.joined(separator: " ")
            throw ProtonError(.protocolViolation, "What came is no frame: it begins with the bytes \(begin).")
        }
        guard bytes.count >= size else { return nil }
        let frame = Frame(
            Array(bytes[(start + bodyOffset)..<(start + size)]),
            channel: UInt16(bytes[start + 6]) << 8 | UInt16(bytes[start + 7]))
        bytes = bytes.dropFirst(size)
        return frame
    }

    /// The frames in bytes, up to the first incomplete or invalid one.
    package static func parse(_ bytes: [UInt8]) -> [Frame] {
        var rest = bytes[...]
        var frames: [Frame] = []
        while let frame = try? take(from: &rest) { frames.append(frame) }
        return frames
    }

    private init(_ body: [UInt8], channel: UInt16) {
        self.init(body.isEmpty ? .empty : .other, channel: channel, payload: body)
        // The payload after the performative need not be a value.
        guard let length = Frame.performativeLength(body),
            let value = try? AMQPValue(decoding: Array(body.prefix(length))), case .described(let described) = value,
            case .list(let fields) = described.value, let code = described.descriptor.integer(as: UInt64.self),
            let kind = ListShape.of(code).flatMap({ Kind(rawValue: $0.name) })
        else { return }
        (self.kind, self.fields, payload) = (kind, fields, Array(body.dropFirst(length)))
    }

    /// The number of bytes of a described list at the beginning; nil if there is none.
    ///
    /// The descriptor is a small or large ulong, as all peers encode it.
    private static func performativeLength(_ body: [UInt8]) -> Int? {
        guard body.count > 3, body[0] == 0 else { return nil }
        let list = body[1] == 0x53 ? 3 : body[1] == 0x80 ? 10 : body.count
        guard list < body.count else { return nil }
        switch body[list] {
        case 0x45: return list + 1
        case 0xc0 where list + 1 < body.count: return list + 2 + Int(body[list + 1])
        case 0xd0 where list + 4 < body.count:
            return list + 5 + body[(list + 1)...(list + 4)].reduce(0) { $0 << 8 | Int($1) }
        default: return nil
        }
    }
}
