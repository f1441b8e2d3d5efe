// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The problems of encoded bytes.
///
/// Cases have plain numbers, and the error with its text is created in a separate function, so that the code that walks over
/// valid bytes stays short.
enum EncodingProblem {
    case noBytes
    case tooManyBytes(Int, limit: Int)
    case truncated
    case tooDeep(limit: Int)
    case tooManyElements
    case noConstructor(UInt8)
    case noBoolean(UInt8)
    case noCharacter(UInt32)
    case noASCII(UInt8)
    case noUTF8
    case size(Int, left: Int)
    case count(Int, bytes: Int)
    case rest(Int, count: Int)
    // Maps
    case noMap(UInt8)
    case oddCount(Int)
    case mapsInKeys
    case duplicateKey
    case noStringKey
    case noAnnotationKey
    case compoundProperty
    // Messages
    case noDescriptor(UInt8)
    case sectionOutOfOrder(UInt8)
    case noBinary(UInt8)
    case noSequence(UInt8)
    case noFieldList(UInt8)
    case tooManyFields(Int, maximum: Int)
    case headerField(Int, UInt8)
    case propertiesField(Int, UInt8)

    /// Throws the error for the problem at an offset.
    @inline(never)
    func fail(_ offset: Int) throws(CodecError) -> Never { throw CodecError(code, at: offset, message) }

    private var code: CodecError.Code {
        switch self {
        case .noBytes, .truncated, .count: .truncated
        case .size(let size, let left): size > left ? .truncated : .malformed
        case .tooManyBytes, .tooDeep, .tooManyElements, .mapsInKeys: .limitExceeded
        default: .malformed
        }
    }

    var message: String {
        switch self {
        case .noBytes: "There are no bytes to decode"
        case .tooManyBytes(let count, let limit): "\(count) bytes are more than the limit of \(limit)"
        case .truncated: "The bytes end inside a value"
        case .tooDeep(let limit): "Values are nested deeper than the limit of \(limit)"
        case .tooManyElements: "There are more values than the limit allows"
        case .noConstructor(let byte): "\(hex(byte)) is no constructor of AMQP"
        case .noBoolean(let byte): "\(hex(byte)) is no boolean: 0 or 1 is"
        case .noCharacter(let number): "\(number) is no Unicode character"
        case .noASCII(let byte): "A symbol holds \(hex(byte)), which is not ASCII"
        case .noUTF8: "A string holds bytes that are not UTF-8"
        case .size(let size, let left) where size > left: "A size of \(size) is more than the \(left) bytes left"
        case .size(let size, _): "A size of \(size) does not hold the count behind it"
        case .count(let count, let bytes): "\(count) elements do not fit in \(bytes) bytes"
        case .rest(let rest, let count): "\(rest) bytes are left behind the \(count) elements"
        case .noMap(let byte): "A map is expected here, not \(hex(byte))"
        case .oddCount(let count): "A map has an odd number of keys and values: \(count)"
        case .mapsInKeys: "There are too many maps inside keys of maps"
        case .duplicateKey: "A map has the same key twice"
        case .noStringKey: "A key of application properties is no string"
        case .noAnnotationKey: "A key of annotations is neither a symbol nor a ulong"
        case .compoundProperty: "An application property is a list, a map or an array"
        case .noDescriptor(let byte): "A section begins with a descriptor, not with \(hex(byte))"
        case .sectionOutOfOrder(let code): "Section \(hex(code)) is repeated or out of order"
        case .noBinary(let byte): "A data section holds a binary, not \(hex(byte))"
        case .noSequence(let byte): "A sequence section holds a list, not \(hex(byte))"
        case .noFieldList(let byte): "A list is expected here, not \(hex(byte))"
        case .tooManyFields(let count, let maximum):
            "A list of \(count) fields is more than the \(maximum) there are"
        case .headerField(let field, let byte): "Field \(field) of the header has the wrong type, \(hex(byte))"
        case .propertiesField(let field, let byte): "Field \(field) of the properties has the wrong type, \(hex(byte))"
        }
    }
}

/// A byte in the form `0x5f`.
private func hex(_ byte: UInt8) -> String {
    "0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
}
