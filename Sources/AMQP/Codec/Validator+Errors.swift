// What the validator throws, built out of the way of its walk.

extension Validator {
    @inline(never)
    func truncated(_ offset: Int) -> CodecError { CodecError(.truncated, at: offset, "The bytes end inside a value") }

    @inline(never)
    func sizeTooLarge(_ size: Int, _ offset: Int, _ end: Int) -> CodecError {
        size <= end - offset
            ? CodecError(.malformed, at: offset, "A size of \(size) does not hold the count behind it")
            : CodecError(.truncated, at: offset, "A size of \(size) is more than the \(end - offset) bytes left")
    }

    @inline(never)
    func countTooLarge(_ compound: Compound) -> CodecError {
        CodecError(
            .truncated, at: compound.start,
            "\(compound.count) elements do not fit in \(compound.end - compound.start) bytes")
    }

    @inline(never)
    func tooManyElements(_ offset: Int) -> CodecError {
        CodecError(.limitExceeded, at: offset, "There are more values than the limit allows")
    }
}

@inline(never)
func duplicateKey(_ offset: Int) -> CodecError { CodecError(.malformed, at: offset, "A map has the same key twice") }

/// A byte as `0x5f`.
func hex(_ byte: UInt8) -> String {
    "0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
}
