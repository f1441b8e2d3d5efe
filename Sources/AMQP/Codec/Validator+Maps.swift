// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// The checks of maps: their pairs, and that their keys are distinct.

extension Validator {
    /// The types of keys that a map may have.
    enum Keys { case any, strings, annotations }

    /// Checks the map of a section, whose constructor is at an offset, and returns the offset after it.
    mutating func skipMap(_ offset: Int, keys: Keys) throws(CodecError) -> Int {
        guard offset < count else { try EncodingProblem.truncated.fail(offset) }
        let constructor = byte(offset)
        guard constructor == 0xc1 || constructor == 0xd1 else {
            try EncodingProblem.noMap(constructor).fail(offset)
        }
        if keys == .strings {
            let map = try compound(constructor, offset &+ 1, count)
            if remainingElements >= map.count, maximumDepth > 0, hasOnlyShortPairs(map) {
                remainingElements &-= map.count
                return map.end
            }
        }
        return try skipMap(constructor, offset &+ 1, count, 0, keys: keys)
    }

    /// Whether a map has exactly its size in bytes, distinct keys that are short ASCII strings, and values that are short texts
    /// or numbers. Most application properties do; this walks over them without a function call.
    @inline(__always)
    private func hasOnlyShortPairs(_ map: Compound) -> Bool {
        guard map.count & 1 == 0 else { return false }
        var next = map.start
        var keys = ShortKeys(base)
        for _ in 0..<map.count / 2 {
            guard next < map.end, byte(next) == 0xa1, let value = shortTextEnd(next &+ 1, map.end), value < map.end,
                keys.add(next, value)
            else { return false }
            let end = isShortText(byte(value)) ? shortTextEnd(value &+ 1, map.end) : plainEnd(value, map.end)
            guard let end else { return false }
            next = end
        }
        return next == map.end
    }

    /// Checks the map whose size is at an offset, and returns the offset after it.
    mutating func skipMap(
        _ constructor: UInt8, _ offset: Int, _ end: Int, _ depth: Int, keys: Keys = .any
    ) throws(CodecError) -> Int {
        try checkDepth(depth, offset)
        let map = try compound(constructor, offset, end)
        try checkCount(map, map.start)
        guard map.count & 1 == 0 else {
            try EncodingProblem.oddCount(map.count).fail(offset)
        }
        var next = map.start
        // Short ASCII keys, the usual ones, are compared in encoded form.
        var seen = ShortKeys(base)
        var keyWork = 0
        for _ in 0..<map.count / 2 {
            let key = next
            if key < map.end, isShortText(byte(key)), let end = shortTextEnd(key &+ 1, map.end) {
                remainingElements &-= 1
                next = end
                try seen.insert(key, end)
            } else {
                let elements = remainingElements
                next = try skipValue(key, map.end, depth &+ 1)
                seen.isComplete = false
                keyWork &+= next &- key &+ elements &- remainingElements
            }
            try checkKey(key, keys)
            let value = next
            guard value < map.end else { try EncodingProblem.truncated.fail(value) }
            if let end = isShortText(byte(value)) ? shortTextEnd(value &+ 1, map.end) : plainEnd(value, map.end) {
                remainingElements &-= 1
                next = end
            } else {
                next = try skipValue(value, map.end, depth &+ 1)
                if keys == .strings, isCompoundOrDescribed(byte(value)) { try checkIsSimple(value) }
            }
        }
        guard remainingElements >= 0 else { try EncodingProblem.tooManyElements.fail(offset) }
        try checkEnd(next, map)
        if !seen.isComplete, map.count > 2 {
            remainingKeyWork &-= keyWork
            guard remainingKeyWork >= 0 else {
                try EncodingProblem.mapsInKeys.fail(offset)
            }
            try checkDistinctKeys(map)
        }
        return next
    }

    @inline(__always)
    private func checkKey(_ offset: Int, _ keys: Keys) throws(CodecError) {
        switch (keys, byte(offset)) {
        case (.any, _), (.strings, 0xa1), (.strings, 0xb1): return
        case (.annotations, 0xa3), (.annotations, 0xb3), (.annotations, 0x44), (.annotations, 0x53),
            (.annotations, 0x80):
            return
        case (.strings, _): try EncodingProblem.noStringKey.fail(offset)
        case (.annotations, _):
            try EncodingProblem.noAnnotationKey.fail(offset)
        }
    }

    @inline(__always)
    private func isCompoundOrDescribed(_ constructor: UInt8) -> Bool {
        constructor >= 0xc0 || constructor == 0x45 || constructor == 0x00
    }

    /// Throws if the value at an offset, which is already validated, is a list, a map, an array, or a described value of one.
    @inline(never)
    private func checkIsSimple(_ offset: Int) throws(CodecError) {
        var reader = ValueReader(bytes, at: offset)
        while byte(reader.offset) == 0x00 { reader.skipDescriptor() }
        let constructor = byte(reader.offset)
        guard constructor != 0x45, constructor < 0xc0 else { try EncodingProblem.compoundProperty.fail(offset) }
    }

    /// Compares the keys of a map, which is already validated, as values.
    private func checkDistinctKeys(_ map: Compound) throws(CodecError) {
        var reader = ValueReader(bytes, at: map.start)
        var keys = Set<AMQPValue>(minimumCapacity: min(map.count / 2, 1024))
        for _ in 0..<map.count / 2 {
            let offset = reader.offset
            guard keys.insert(reader.value()).inserted else { try EncodingProblem.duplicateKey.fail(offset) }
            reader.skipValue()
        }
    }
}
