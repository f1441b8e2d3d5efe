// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Counts the values in an encoded value, including nested ones: proton 0.37 stores 72 bytes for each.
///
/// An array of values without bytes has only a count: 13 bytes can make proton allocate 5 MB.
struct FrameValues {
    private let base: UnsafeRawPointer
    /// The number of values so far.
    private(set) var count = 0
    /// The maximum number of values.
    let most: Int
    /// The maximum nesting.
    static let depth = 32

    init(_ base: UnsafeRawPointer, most: Int) {
        self.base = base
        self.most = most
    }

    /// Counts the values of the value that begins at `offset`.
    /// - Returns: its end; nil if it is malformed, has too many values, or is nested too deep.
    mutating func skim(_ offset: Int, _ limit: Int, depth: Int = 0) -> Int? {
        count += 1
        guard depth < FrameValues.depth, count <= most, offset < limit else { return nil }
        let code = byte(offset)
        guard code == 0 else { return skimContent(code, offset + 1, limit, depth) }
        // Nearly every state has no fields.
        if offset + 4 <= limit, byte(offset + 1) == 0x53, byte(offset + 3) == 0x45 {
            count += 1
            return offset + 4
        }
        guard let value = skim(offset + 1, limit, depth: depth + 1) else { return nil }
        return skim(value, limit, depth: depth + 1)
    }

    /// Counts the values after a constructor.
    private mutating func skimContent(_ code: UInt8, _ offset: Int, _ limit: Int, _ depth: Int) -> Int? {
        let end: Int
        switch code >> 4 {
        case 0x4: end = offset
        case 0x5: end = offset + 1
        case 0x6: end = offset + 2
        case 0x7: end = offset + 4
        case 0x8: end = offset + 8
        case 0x9: end = offset + 16
        case 0xa, 0xc, 0xe:
            guard offset < limit else { return nil }
            end = offset + 1 + Int(byte(offset))
        case 0xb, 0xd, 0xf:
            guard offset + 4 <= limit else { return nil }
            end = offset + 4 + Int(Encoded.word(base, offset))
        default: return nil
        }
        guard end <= limit else { return nil }
        switch code >> 4 {
        case 0xc, 0xe: return skimItems(code, offset + 1, 1, end, depth)
        case 0xd, 0xf: return skimItems(code, offset + 4, 4, end, depth)
        default: return end
        }
    }

    /// Counts the elements of a list, a map or an array, from its count on.
    /// - Parameter width: the size of the count, in bytes.
    private mutating func skimItems(_ code: UInt8, _ offset: Int, _ width: Int, _ end: Int, _ depth: Int) -> Int? {
        guard offset + width <= end else { return nil }
        let items = width == 1 ? Int(byte(offset)) : Int(Encoded.word(base, offset))
        guard items <= most - count else { return nil }
        var next = offset + width
        if code >> 4 >= 0xe {
            // One constructor for all elements, which may be described.
            guard next < end else { return nil }
            if byte(next) == 0 {
                guard let descriptor = skim(next + 1, end, depth: depth + 1), descriptor < end else { return nil }
                next = descriptor
            }
            let constructor = byte(next)
            next += 1
            for _ in 0..<items {
                count += 1
                guard count <= most, depth < FrameValues.depth,
                    let after = skimContent(constructor, next, end, depth + 1)
                else { return nil }
                next = after
            }
        } else {
            for _ in 0..<items {
                guard let after = skim(next, end, depth: depth + 1) else { return nil }
                next = after
            }
        }
        return next == end ? end : nil
    }

    private func byte(_ offset: Int) -> UInt8 { base.load(fromByteOffset: offset, as: UInt8.self) }
}
