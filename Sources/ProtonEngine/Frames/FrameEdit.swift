// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Replacements for parts of a frame.
struct FrameEdit {
    private typealias Part = (place: Range<Int>, bytes: [UInt8])

    /// The parts to replace, in order and without overlaps.
    private var parts: [Part] = []
    /// The number of fields to add to the list.
    private var addedFields = 0

    var isEmpty: Bool { parts.isEmpty }

    mutating func replace(_ place: Range<Int>, with bytes: [UInt8]) {
        parts.append((place, bytes))
    }

    /// Adds a field with this index after the last one of the list, with nulls before it if needed.
    mutating func add(_ bytes: [UInt8], index: Int, to fields: FrameFields) {
        let nulls = max(0, index - fields.count)
        parts.append((fields.end..<fields.end, [UInt8](repeating: 0x40, count: nulls) + bytes))
        addedFields += nulls + 1
    }

    /// Writes a frame with the parts replaced.
    /// - Parameters:
    ///   - fields: the fields of the frame's performative.
    ///   - limit: the maximum size of the frame.
    /// - Returns: false if the frame would become too large; it is not written then.
    func write(
        _ frame: UnsafeRawBufferPointer, _ fields: FrameFields, limit: Int, to output: inout ByteStore
    ) -> Bool {
        let inList = parts.filter { $0.place.lowerBound > fields.list }
        let growth = inList.reduce(0) { $0 + $1.bytes.count - $1.place.count }
        let headerSize = fields.isShort ? (fields.count == 0 && fields.end == fields.list + 1 ? 1 : 3) : 9
        let content = fields.end - fields.list - headerSize + growth
        let count = fields.count + addedFields
        let isShort = fields.isShort && content < 255 && count <= 255
        let before = parts.filter { $0.place.lowerBound < fields.list }
        let newHeaderSize = isShort ? 3 : 9
        let size =
            frame.count + growth + newHeaderSize - headerSize
            + before.reduce(0) { $0 + $1.bytes.count - $1.place.count }
        guard size <= limit, fields.end <= frame.count, count <= Int(UInt32.max) else { return false }

        output.append(UInt32(size))
        FrameEdit.copy(frame, 4..<fields.list, before, to: &output)
        if isShort {
            output.append([0xc0, UInt8(content + 1), UInt8(count)])
        } else {
            output.append(0xd0 as UInt8)
            output.append(UInt32(content + 4))
            output.append(UInt32(count))
        }
        FrameEdit.copy(frame, fields.list + headerSize..<frame.count, inList, to: &output)
        return true
    }

    private static func copy(
        _ frame: UnsafeRawBufferPointer, _ range: Range<Int>, _ parts: [Part], to output: inout ByteStore
    ) {
        var from = range.lowerBound
        for part in parts {
            output.append(UnsafeRawBufferPointer(rebasing: frame[from..<part.place.lowerBound]))
            output.append(part.bytes)
            from = part.place.upperBound
        }
        output.append(UnsafeRawBufferPointer(rebasing: frame[from..<range.upperBound]))
    }
}

/// Encodes frames that this side makes itself.
enum FrameBytes {
    /// A descriptor in numeric form.
    static func descriptor(_ code: UInt64) -> [UInt8] {
        code < 256 ? [0x53, UInt8(code)] : [0x80] + withUnsafeBytes(of: code.bigEndian, Array.init)
    }

    /// A uint, in its longest form.
    static func uint(_ value: UInt32) -> [UInt8] {
        [0x70] + withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    private static func frame(_ code: UInt8, channel: UInt16, count: UInt8, _ fields: [UInt8]) -> [UInt8] {
        let body = [0, 0x53, code, 0xc0, UInt8(fields.count + 1), count] + fields
        return withUnsafeBytes(of: UInt32(8 + body.count).bigEndian, Array.init) + [2, 0]
            + withUnsafeBytes(of: channel.bigEndian, Array.init) + body
    }

    /// The session fields of a flow (AMQP 1.0, 2.7.4).
    struct Windows {
        var nextIncomingID: UInt32?
        var incomingWindow: UInt32
        var nextOutgoingID: UInt32
        var outgoingWindow: UInt32

        fileprivate var fields: [UInt8] {
            (nextIncomingID.map(uint) ?? [0x40]) + uint(incomingWindow) + uint(nextOutgoingID) + uint(outgoingWindow)
        }
    }

    /// A flow for a session.
    static func flow(channel: UInt16, _ windows: Windows) -> [UInt8] {
        frame(0x13, channel: channel, count: 4, windows.fields)
    }

    /// A flow for a link.
    static func flow(
        channel: UInt16, _ windows: Windows, handle: UInt32, deliveryCount: UInt32, credit: UInt32, drain: Bool
    ) -> [UInt8] {
        frame(
            0x13, channel: channel, count: 9,
            windows.fields + uint(handle) + uint(deliveryCount) + uint(credit) + [0x40, drain ? 0x41 : 0x42])
    }

    /// A detach that does not close the link, with `amqp:link:stolen` (AMQP 1.0, 2.6.1).
    static func stolen(channel: UInt16, handle: UInt32) -> [UInt8] {
        let name = Array("amqp:link:stolen".utf8)
        let error = [0, 0x53, 0x1d, 0xc0, UInt8(name.count + 3), 1, 0xa3, UInt8(name.count)] + name
        return frame(0x16, channel: channel, count: 3, uint(handle) + [0x42] + error)
    }
}
