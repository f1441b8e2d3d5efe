// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A text of up to 15 bytes in the small form of `String`: the bytes and their count are in the `String` itself, without a
/// reference to the heap.
///
/// Most texts of messages are that short. The functions of `String` that read its bytes, or that make a `String` of bytes, take
/// ten times as long as moving sixteen bytes. The layout is private to the standard library, so this type is used only if the
/// layout ``isKnown``.
@usableFromInline struct SmallText {
    /// The sixteen bytes of the `String`: 15 bytes of text, then 0xe0 (ASCII) or 0xa0 (not ASCII) plus the count.
    @usableFromInline let bits: SIMD2<UInt64>

    @inlinable init(_ bits: SIMD2<UInt64>) { self.bits = bits }

    /// The text, or nil if the `String` does not have the small form.
    @inlinable
    @inline(__always)
    init?(_ text: String) {
        guard MemoryLayout<String>.size == MemoryLayout<SIMD2<UInt64>>.size else { return nil }
        self.init(checking: unsafeBitCast(text, to: SIMD2<UInt64>.self))
    }

    /// The text at a pointer, or nil if the `String` there does not have the small form.
    @inlinable
    @inline(__always)
    init?(at text: UnsafePointer<String>) {
        guard MemoryLayout<String>.size == MemoryLayout<SIMD2<UInt64>>.size else { return nil }
        self.init(checking: UnsafeRawPointer(text).loadUnaligned(as: SIMD2<UInt64>.self))
    }

    @inlinable
    @inline(__always)
    init?(checking bits: SIMD2<UInt64>) {
        // ASCII text and other text differ in one bit only.
        guard bits.y >> 60 | 0x4 == 0xe, SmallText.isKnown else { return nil }
        self.bits = bits
    }

    /// The text of bytes that are valid UTF-8, or nil if there are more than 15.
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
        // The bits are moved, not copied, so that there is no check for a reference to retain.
        return withUnsafeMutablePointer(to: &bits) { bits in
            bits.withMemoryRebound(to: String.self, capacity: 1) { $0.move() }
        }
    }

    /// The number of bytes of the text.
    @inlinable var count: Int { Int(truncatingIfNeeded: (bits.y &>> 56) & 0xf) }

    /// Whether all bytes are ASCII.
    @inline(__always)
    var isASCII: Bool { bits.y >> 60 == 0xe }

    /// Whether `String` marks a text as ASCII, as it does for literals. A text can be ASCII without the mark. Reads no bytes.
    @inlinable
    @inline(__always)
    static func isMarkedASCII(_ text: String) -> Bool { isKnown && isMarkedASCII(expected: text) }

    /// The same, if the layout of `String` is the expected one.
    @inlinable
    @inline(__always)
    static func isMarkedASCII(expected text: String) -> Bool {
        let bits = unsafeBitCast(text, to: SIMD2<UInt64>.self)
        // The count word of a longer text has a bit that marks ASCII.
        return bits.y &>> 60 == 0xe || bits.y &>> 61 & 1 == 0 && bits.x &>> 63 == 1
    }

    /// Whether `String` has the layout that this type expects.
    ///
    /// A compiler has one standard library. For the versions that the tests have passed with, the answer is a constant. For any
    /// other version, it is computed once.
    @inlinable static var isKnown: Bool {
        #if compiler(>=6.2) && compiler(<6.4) && os(Linux) && (arch(x86_64) || arch(arm64))
        true
        #else
        isAsExpected
        #endif
    }

    /// Whether texts of every length have the expected layout.
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
