// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Reads the fields of a described list in order; nulls and omitted fields at the end are nil.
struct FieldReader {
    /// The number of the descriptor.
    let code: UInt64
    private let fields: [AMQPValue]
    private let purpose: String
    private var index = 0

    /// The descriptors that may also come as symbols.
    private static let codes: [Symbol: UInt64] = [
        "amqp:error:list": 0x1d, "amqp:received:list": 0x23, "amqp:accepted:list": 0x24, "amqp:rejected:list": 0x25,
        "amqp:released:list": 0x26, "amqp:modified:list": 0x27, "amqp:declared:list": 0x33,
        "amqp:transactional-state:list": 0x34,
    ]

    /// A reader of the fields of a value; `purpose` names the value in errors.
    init(_ value: AMQPValue, _ purpose: String) throws(CodecError) {
        self.purpose = purpose
        guard case .described(let described) = value, case .list(let fields) = described.value else {
            throw CodecError(.malformed, at: 0, "\(value.debugDescription) is not \(purpose)")
        }
        self.fields = fields
        switch described.descriptor {
        case .ulong(let code): self.code = code
        case .symbol(let name): code = Self.codes[name] ?? 0
        default: code = 0
        }
    }

    /// The next field; nil for a null and after the last field.
    mutating func next() -> AMQPValue? {
        defer { index += 1 }
        guard index < fields.count, !fields[index].isNull else { return nil }
        return fields[index]
    }

    mutating func required<T: FixedWidthInteger>() throws(CodecError) -> T {
        guard let number = next()?.integer(as: T.self) else { throw unexpected() }
        return number
    }

    mutating func binary() throws(CodecError) -> [UInt8] {
        guard case .binary(let bytes)? = next() else { throw unexpected() }
        return bytes
    }

    mutating func boolean() throws(CodecError) -> Bool {
        guard let value = next() else { return false }
        guard case .boolean(let flag) = value else { throw unexpected() }
        return flag
    }

    mutating func annotations() throws(CodecError) -> Annotations {
        guard let value = next() else { return [:] }
        guard case .map(let map) = value, let annotations = Annotations(map) else { throw unexpected() }
        return annotations
    }

    /// Throws if there are fields left.
    func end() throws(CodecError) {
        if index < fields.count { throw unexpected() }
    }

    /// The error that the value is not what `purpose` says.
    func unexpected() -> CodecError {
        CodecError(.malformed, at: 0, "Descriptor \(code) with the fields \(fields) is not \(purpose)")
    }
}
