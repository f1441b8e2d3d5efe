// Texts compared by their bytes, as AMQP defines it. Swift's `==` compares what they look like: a letter with its accent in
// one scalar equals the same in two.

extension String {
    /// Whether two texts have the same UTF-8.
    @inlinable func hasSameBytes(as other: String) -> Bool {
        // `==` is quick for the same bytes, and where there is nothing but ASCII. In an ASCII text every scalar is a byte, so
        // what is equal to it and as long is the same.
        utf8.count == other.utf8.count && self == other
            && (utf8Span.isKnownASCII || utf8.elementsEqual(other.utf8))
    }

    /// Feeds the UTF-8 to a hasher.
    ///
    /// The hash of `String` is the same for texts that look alike, so that a peer could choose keys that all collide.
    @inlinable func hashBytes(into hasher: inout Hasher) {
        var text = self
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No byte of UTF-8, so that two texts in a row do not hash as their halves put otherwise.
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
