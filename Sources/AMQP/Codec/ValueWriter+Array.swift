// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension ValueWriter {
    /// Writes an array with one constructor for all elements: the shortest one that fits all of them.
    ///
    /// Elements that are lists, maps or arrays have sizes of 4 bytes.
    mutating func write(_ array: AMQPArray, depth: Int) {
        guard isWithinDepth(depth + array.descriptors.count) else { return }
        let start = beginCompound(0xe0, count: array.elements.count)
        writeContents(of: array, depth: depth)
        endCompound(start, count: array.elements.count)
    }

    /// Writes the part of an array after its count: the constructor of the elements and the elements.
    private mutating func writeContents(of array: AMQPArray, depth: Int) {
        for (level, descriptor) in array.descriptors.enumerated() {
            write(byte: 0x00)
            write(descriptor, depth: depth + level + 2)
        }
        let constructor = elementConstructor(of: array)
        write(byte: constructor)
        for element in array.elements {
            writePayload(of: element, constructor, depth: depth + array.descriptors.count + 1)
        }
    }

    private func elementConstructor(of array: AMQPArray) -> UInt8 {
        let short: UInt8? =
            switch array.elementType {
            case .uint: 0x52
            case .ulong: 0x53
            case .int: 0x54
            case .long: 0x55
            case .binary: 0xa0
            case .string: 0xa1
            case .symbol: 0xa3
            default: nil
            }
        guard let short, array.elements.allSatisfy({ isShort($0) }) else { return array.elementType.rawValue }
        return short
    }

    private func isShort(_ value: AMQPValue) -> Bool {
        switch value {
        case .uint(let value): value <= 255
        case .ulong(let value): value <= 255
        case .int(let value): Int8(exactly: value) != nil
        case .long(let value): Int8(exactly: value) != nil
        case .binary(let value): value.count <= 255
        case .string(let value): value.utf8.count <= 255
        case .symbol(let value): value.name.utf8.count <= 255
        default: false
        }
    }

    /// Writes an element without its constructor.
    private mutating func writePayload(of value: AMQPValue, _ constructor: UInt8, depth: Int) {
        let isShort = constructor == 0x52 || constructor == 0x53 || constructor == 0x54 || constructor == 0x55
        switch value {
        case .null, .described: break
        case .boolean(let value): append(value ? 1 as UInt8 : 0)
        case .ubyte(let value): append(value)
        case .ushort(let value): append(value)
        case .uint(let value): isShort ? append(UInt8(truncatingIfNeeded: value)) : append(value)
        case .ulong(let value): isShort ? append(UInt8(truncatingIfNeeded: value)) : append(value)
        case .byte(let value): append(value)
        case .short(let value): append(value)
        case .int(let value): isShort ? append(Int8(truncatingIfNeeded: value)) : append(value)
        case .long(let value): isShort ? append(Int8(truncatingIfNeeded: value)) : append(value)
        case .float(let value): append(value.bitPattern)
        case .double(let value): append(value.bitPattern)
        case .decimal32(let value): append(value.bits)
        case .decimal64(let value): append(value.bits)
        case .decimal128(let value):
            append(value.high)
            append(value.low)
        case .char(let value): append(value.value)
        case .timestamp(let value): append(value.milliseconds)
        case .uuid(let value):
            append(value.high)
            append(value.low)
        case .binary(let value): value.withUnsafeBytes { appendSized($0, isShort: constructor < 0xb0) }
        case .string(let value): append(text: value, isShort: constructor < 0xb0)
        case .symbol(let value): append(text: value.name, isShort: constructor < 0xb0)
        case .list(let elements):
            let head = beginElement()
            for element in elements { write(element, depth: depth + 1) }
            setLongHead(head, count: elements.count)
        case .map(let map):
            let head = beginElement()
            for (key, value) in map {
                write(key, depth: depth + 1)
                write(value, depth: depth + 1)
            }
            setLongHead(head, count: map.count * 2)
        case .array(let array):
            let head = beginElement()
            if isWithinDepth(depth + array.descriptors.count) { writeContents(of: array, depth: depth) }
            setLongHead(head, count: array.elements.count)
        }
    }

    /// Makes room for the size and count of a list, map or array that is an element.
    ///
    /// Returns the place of the byte before them, where the constructor of a value outside an array would be.
    private mutating func beginElement() -> Int {
        append(0 as UInt64)
        return count - 9
    }

    private mutating func append(text: String, isShort: Bool) {
        withContiguousUTF8(of: text) { appendSized($0, isShort: isShort) }
    }

    private mutating func appendSized(_ contents: UnsafeRawBufferPointer, isShort: Bool) {
        if isShort {
            append(UInt8(truncatingIfNeeded: contents.count))
        } else {
            guard contents.count <= UInt32.max else { return fail("An element of an array is larger than 4 GiB") }
            append(UInt32(contents.count))
        }
        append(contents)
    }
}
