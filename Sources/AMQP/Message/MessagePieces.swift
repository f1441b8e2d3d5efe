// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Decodes a message whose encoding arrives in pieces: first the sections before its body, then the bytes of its data sections as
/// they arrive.
///
/// A body of another kind is complete only at its end, so it is buffered and returned with the whole message.
package struct MessagePieces: Sendable {
    /// A part of the message that the pieces contain.
    package enum Part: Sendable {
        /// The sections before a body of data, as a message without a body.
        case head(Message)
        /// Bytes of the body, from one section.
        case data([UInt8])
    }

    private enum Place {
        /// In the sections before the body; those before this offset of the buffered bytes are complete.
        case head(Int)
        /// In a data section, with this number of bytes missing.
        case data(Int)
        /// After a data section.
        case between
        /// In the footer.
        case footer
        /// In a message whose body is not data.
        case whole
    }

    private var place = Place.head(0)
    /// The bytes that arrived and are not yet in a part.
    private var kept: [UInt8] = []
    private let limits: DecodingLimits
    private let maxKept: Int

    /// - Parameters:
    ///   - limits: the limits for the sections.
    ///   - maxKept: the maximum number of buffered bytes that are not data.
    package init(limits: DecodingLimits, maxKept: Int) {
        self.limits = limits
        self.maxKept = maxKept
    }

    /// Adds the next piece.
    /// - Returns: the parts that are now complete, in order.
    /// - Throws: ``CodecError`` if the pieces are not a valid message within the limits.
    package mutating func add(_ bytes: [UInt8]) throws(CodecError) -> [Part] {
        if case .data(let left) = place, kept.isEmpty, bytes.count < left {
            place = .data(left - bytes.count)
            return bytes.isEmpty ? [] : [.data(bytes)]
        }
        kept += bytes
        var parts: [Part] = []
        while let part = try next() { if case .some(let part) = part { parts.append(part) } }
        guard kept.count <= maxKept else {
            try EncodingProblem.tooManyBytes(kept.count, limit: maxKept).fail(0)
        }
        return parts
    }

    /// Ends the message after the last piece.
    /// - Returns: the message, if it was buffered as a whole.
    /// - Throws: as `add`.
    package mutating func finish() throws(CodecError) -> Message? {
        switch place {
        case .head, .whole: return try Message(decoding: kept, limits: limits)
        case .data: try EncodingProblem.truncated.fail(0)
        case .between where kept.isEmpty: return nil
        case .between, .footer:
            // The footer is validated as part of a message with an empty data section.
            _ = try Message(decoding: [0x00, 0x53, 0x75, 0xa0, 0x00] + kept, limits: limits)
            return nil
        }
    }

    /// Takes the next step.
    /// - Returns: nil if more bytes are needed; otherwise the part that the step has completed, if any.
    private mutating func next() throws(CodecError) -> Part?? {
        switch place {
        case .footer, .whole: return nil
        case .data(let left):
            guard !kept.isEmpty || left == 0 else { return nil }
            let count = min(left, kept.count)
            let bytes = Array(kept.prefix(count))
            kept.removeFirst(count)
            place = count == left ? .between : .data(left - count)
            return .some(bytes.isEmpty ? nil : .data(bytes))
        case .between:
            guard let section = try section(at: 0) else { return nil }
            guard section.code == 0x75 || section.code == 0x78 else {
                try EncodingProblem.sectionOutOfOrder(section.code).fail(0)
            }
            enter(section, at: 0)
            return .some(nil)
        case .head(let offset):
            guard let section = try section(at: offset) else { return nil }
            if section.code < 0x75 {
                guard kept.count - offset >= section.start + section.count else { return nil }
                place = .head(offset + section.start + section.count)
                return .some(nil)
            }
            guard section.code == 0x75 else {
                place = .whole
                return .some(nil)
            }
            // The head ends at the first bytes of the data section, which are included.
            let head = try Message(decodingHeadOf: Array(kept), limits: limits)
            enter(section, at: offset)
            return .some(.head(head))
        }
    }

    /// Continues in a data section or a footer.
    private mutating func enter(_ section: Section, at offset: Int) {
        if section.code == 0x75 {
            kept.removeFirst(offset + section.start)
            place = .data(section.count)
        } else {
            place = .footer
        }
    }

    private struct Section {
        /// The last byte of its descriptor, 0x70 to 0x78.
        let code: UInt8
        /// The number of bytes before its content.
        let start: Int
        /// The number of bytes of its content; 0 for a body that is not data, because it is not known.
        let count: Int
    }

    /// The section that begins at an offset of the buffered bytes.
    /// - Returns: nil if more bytes are needed.
    private func section(at offset: Int) throws(CodecError) -> Section? {
        let bytes = kept[offset...]
        guard bytes.count >= 4 else { return nil }
        // The long form of a number is accepted as well. A symbolic descriptor is not: no peer sends it.
        guard bytes[offset] == 0 else { try EncodingProblem.noDescriptor(bytes[offset]).fail(offset) }
        let at: Int
        switch bytes[offset + 1] {
        case 0x53: at = 3
        case 0x80: at = 10
        default: try EncodingProblem.noDescriptor(bytes[offset + 1]).fail(offset + 1)
        }
        guard bytes.count > at else { return nil }
        let code = bytes[offset + at - 1]
        guard 0x70...0x78 ~= code else { try EncodingProblem.sectionOutOfOrder(code).fail(offset) }
        if code == 0x76 || code == 0x77 { return Section(code: code, start: at, count: 0) }
        let constructor = bytes[offset + at]
        guard code != 0x75 || constructor == 0xa0 || constructor == 0xb0 else {
            try EncodingProblem.noBinary(constructor).fail(offset + at)
        }
        let width: Int
        switch constructor {
        case 0x45: width = 0
        case 0xa0, 0xc0, 0xc1: width = 1
        case 0xb0, 0xd0, 0xd1: width = 4
        default: try EncodingProblem.noMap(constructor).fail(offset + at)
        }
        let start = at + 1 + width
        guard bytes.count >= start else { return nil }
        let count = bytes[(offset + at + 1)..<(offset + start)].reduce(0) { $0 << 8 | Int($1) }
        return Section(code: code, start: start, count: count)
    }
}
