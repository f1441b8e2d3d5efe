// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A text of up to 15 bytes as `String` holds it: in place of a reference, with its length behind its bytes.
///
/// Most texts of messages are that short, and what `String` offers for reaching the bytes, or making one of them, takes ten
/// times as long as moving sixteen bytes does. The layout is the standard library's own business, and so nobody relies on
/// it unless it ``isKnown``.
@usableFromInline struct SmallText {
    /// The sixteen bytes of the text: 15 of its own, and 0xe0 or 0xa0 with their count: the first for ASCII.
    @usableFromInline let bits: SIMD2<UInt64>

    @inlinable init(_ bits: SIMD2<UInt64>) { self.bits = bits }

    /// The text, or nil where it is held otherwise.
    @inlinable
    @inline(__always)
    init?(_ text: String) {
        guard MemoryLayout<String>.size == MemoryLayout<SIMD2<UInt64>>.size else { return nil }
        self.init(checking: unsafeBitCast(text, to: SIMD2<UInt64>.self))
    }

    /// The text where it is, or nil where it is held otherwise.
    @inlinable
    @inline(__always)
    init?(at text: UnsafePointer<String>) {
        guard MemoryLayout<String>.size == MemoryLayout<SIMD2<UInt64>>.size else { return nil }
        self.init(checking: UnsafeRawPointer(text).loadUnaligned(as: SIMD2<UInt64>.self))
    }

    @inlinable
    @inline(__always)
    init?(checking bits: SIMD2<UInt64>) {
        // Of the two kinds, ASCII and not, only one bit differs.
        guard bits.y >> 60 | 0x4 == 0xe, SmallText.isKnown else { return nil }
        self.bits = bits
    }

    /// The text of bytes that are valid UTF-8, or nil where there are more than 15.
    @inline(__always)
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= 15, SmallText.isKnown else { return nil }
        self.init(loading: bytes)
    }

    /// The text of up to 15 bytes.
    @inline(__always)
    private init(loading bytes: UnsafeRawBufferPointer) {
        let count = UInt64(truncatingIfNeeded: bytes.count)
        var low: UInt64 = 0
        var high: UInt64 = 0
        // Two loads that may overlap, whatever the count.
        if count >= 8 {
            low = bytes.loadUnaligned(as: UInt64.self)
            let last = bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
            high = count == 8 ? 0 : last &>> (8 &* (16 &- count))
        } else if count >= 4 {
            let last = bytes.loadUnaligned(fromByteOffset: bytes.count &- 4, as: UInt32.self)
            low = UInt64(bytes.loadUnaligned(as: UInt32.self)) | UInt64(last) &<< (8 &* (count &- 4))
        } else if count > 0 {
            low = UInt64(bytes[0])
            if count >= 2 {
                let last = bytes.loadUnaligned(fromByteOffset: bytes.count &- 2, as: UInt16.self)
                low |= UInt64(last) &<< (8 &* (count &- 2))
            }
        }
        let isASCII = (low | high) & 0x8080_8080_8080_8080 == 0
        bits = SIMD2(low, high | (isASCII ? 0xe0 : 0xa0) &<< 56 | count &<< 56)
    }

    /// The text as a `String`.
    @inline(__always)
    var string: String {
        var bits = bits
        // Moved, not copied, so that nobody asks whether there is a reference to count.
        return withUnsafeMutablePointer(to: &bits) { bits in
            bits.withMemoryRebound(to: String.self, capacity: 1) { $0.move() }
        }
    }

    /// How many bytes the text has.
    @inlinable var count: Int { Int(truncatingIfNeeded: (bits.y &>> 56) & 0xf) }

    /// Whether all bytes are ASCII.
    @inline(__always)
    var isASCII: Bool { bits.y >> 60 == 0xe }

    /// Whether a text is known to be ASCII, as literals are, without a look at its bytes; some are and are not marked so.
    @inlinable
    @inline(__always)
    static func isMarkedASCII(_ text: String) -> Bool { isKnown && isMarkedASCII(expected: text) }

    /// The same, where the layout is as expected.
    @inlinable
    @inline(__always)
    static func isMarkedASCII(expected text: String) -> Bool {
        let bits = unsafeBitCast(text, to: SIMD2<UInt64>.self)
        // With the length of a longer text comes a bit that says so.
        return bits.y &>> 60 == 0xe || bits.y &>> 61 & 1 == 0 && bits.x &>> 63 == 1
    }

    /// Whether `String` has the layout that is expected here.
    ///
    /// A compiler comes with its standard library. For those that the tests have passed with it is known beforehand; with any
    /// other it is found out once.
    @inlinable static var isKnown: Bool {
        #if compiler(>=6.2) && compiler(<6.4) && os(Linux) && (arch(x86_64) || arch(arm64))
            true
        #else
            isAsExpected
        #endif
    }

    /// Whether texts of every length are held as is expected here.
    @usableFromInline static let isAsExpected: Bool = {
        guard MemoryLayout<String>.size == MemoryLayout<SIMD2<UInt64>>.size, 1.littleEndian == 1 else { return false }
        let letters = Array("abcdefghijklmno".utf8)
        let others = Array("ébcdefghijklmno".utf8.prefix(15))
        for count in 0...15 {
            for bytes in [letters[..<count], others[..<count]] where count > 1 || bytes.allSatisfy({ $0 < 0x80 }) {
                let text = String(decoding: bytes, as: UTF8.self)
                let expected = bytes.withUnsafeBytes { SmallText(loading: $0).bits }
                guard unsafeBitCast(text, to: SIMD2<UInt64>.self) == expected else { return false }
            }
        }
        return isMarkedASCII(expected: String(repeating: "a", count: 16))
            && !isMarkedASCII(expected: String(repeating: "é", count: 16))
    }()
}
