// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The descriptor of a performative, or of a value in one (AMQP 1.0, 1.5 and 2.7).
///
/// Proton 0.37 reads only the numeric form; the symbolic form has the same meaning.
struct FrameDescriptor {
    /// The numeric code of the type.
    let code: UInt64
    /// The range of the descriptor, without the 0x00 before it, from the start of the frame.
    let place: Range<Int>
    let isSymbolic: Bool
}

extension FrameDescriptor {
    /// Reads the descriptor of the described value that begins at `offset`; nil if there is none, or if it is unknown.
    @inline(__always)
    init?(_ base: UnsafeRawPointer, _ offset: Int, _ limit: Int) {
        guard offset + 3 <= limit, base.load(fromByteOffset: offset, as: UInt8.self) == 0 else { return nil }
        if base.load(fromByteOffset: offset + 1, as: UInt8.self) == 0x53 {
            self.init(
                code: UInt64(base.load(fromByteOffset: offset + 2, as: UInt8.self)), place: offset + 1..<offset + 3,
                isSymbolic: false)
            return
        }
        self.init(rare: base, offset + 1, limit)
    }

    private init?(rare base: UnsafeRawPointer, _ offset: Int, _ limit: Int) {
        guard let size = Encoded.size(base, offset, limit) else { return nil }
        let place = offset..<offset + size
        let header: Int
        switch base.load(fromByteOffset: offset, as: UInt8.self) {
        case 0x80:
            let code = UInt64(Encoded.word(base, offset + 1)) << 32 | UInt64(Encoded.word(base, offset + 5))
            self.init(code: code, place: place, isSymbolic: false)
            return
        case 0xa3: header = 2
        case 0xb3: header = 5
        default: return nil
        }
        // Longer than any known name, so no string is made of it.
        guard size - header <= 40 else { return nil }
        let name = UnsafeRawBufferPointer(start: base + offset + header, count: size - header)
        guard let code = FrameDescriptor.code(of: String(decoding: name, as: UTF8.self)) else { return nil }
        self.init(code: code, place: place, isSymbolic: true)
    }

    /// The numeric code of a type, by its name.
    private static func code(of name: String) -> UInt64? {
        switch name {
        case "amqp:open:list": 0x10
        case "amqp:begin:list": 0x11
        case "amqp:attach:list": 0x12
        case "amqp:flow:list": 0x13
        case "amqp:transfer:list": 0x14
        case "amqp:disposition:list": 0x15
        case "amqp:detach:list": 0x16
        case "amqp:end:list": 0x17
        case "amqp:close:list": 0x18
        case "amqp:error:list": 0x1d
        case "amqp:received:list": 0x23
        case "amqp:accepted:list": 0x24
        case "amqp:rejected:list": 0x25
        case "amqp:released:list": 0x26
        case "amqp:modified:list": 0x27
        case "amqp:source:list": 0x28
        case "amqp:target:list": 0x29
        case "amqp:coordinator:list": 0x30
        case "amqp:declared:list": 0x33
        case "amqp:transactional-state:list": 0x34
        default: nil
        }
    }
}
