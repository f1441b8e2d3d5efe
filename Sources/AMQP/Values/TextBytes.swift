// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Texts are compared by their bytes, as AMQP defines it. Swift's `==` compares by canonical equivalence: it treats an accented
// letter in one scalar and the same letter in two scalars as equal.

extension String {
    /// Whether two texts have the same UTF-8.
    @inlinable func hasSameBytes(as other: String) -> Bool {
        if let own = SmallText(self), let other = SmallText(other) { return own.bits == other.bits }
        return utf8.count == other.utf8.count && hasSameContents(as: other)
    }

    @usableFromInline
    @inline(never)
    func hasSameContents(as other: String) -> Bool {
        withContiguousUTF8(of: self) { own in
            withContiguousUTF8(of: other) { other in own.elementsEqual(other) }
        }
    }

    /// Feeds the UTF-8 to a hasher.
    ///
    /// The hash of `String` is the same for canonically equivalent texts, so that a peer could choose keys that all collide.
    func hashBytes(into hasher: inout Hasher) {
        withContiguousUTF8(of: self) { hasher.combine(bytes: $0) }
        // 0xff does not occur in UTF-8, so that the hash of two texts in a row depends on where the first one ends.
        hasher.combine(0xff as UInt8)
    }
}

extension String? {
    /// Whether both texts have the same UTF-8, or both are nil.
    func hasSameBytes(as other: String?) -> Bool {
        switch (self, other) {
        case (let text?, let other?): text.hasSameBytes(as: other)
        case (nil, nil): true
        default: false
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether both buffers have the same number of bytes and the same bytes.
    @inline(__always)
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        guard let own = baseAddress, let other = other.baseAddress else { return true }
        guard count >= 8 else {
            for offset in 0..<count
            where own.load(fromByteOffset: offset, as: UInt8.self) != other.load(fromByteOffset: offset, as: UInt8.self)
            {
                return false
            }
            return true
        }
        // Eight bytes at a time; the last eight may overlap those before.
        var offset = 0
        while offset < count {
            let place = Swift.min(offset, count &- 8)
            let word = own.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            guard word == other.loadUnaligned(fromByteOffset: place, as: UInt64.self) else { return false }
            offset &+= 8
        }
        return true
    }

    /// Whether no byte has its highest bit set.
    @inline(__always)
    var isASCII: Bool {
        var high: UInt64 = 0
        if count >= 8 {
            // Eight bytes at a time; the last eight may overlap those before.
            var offset = 0
            while offset &+ 8 <= count {
                high |= loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                offset &+= 8
            }
            high |= loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        } else {
            for byte in self { high |= UInt64(byte) }
        }
        return high & 0x8080_8080_8080_8080 == 0
    }
}
