// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// Parses a peer's input until SASL is completed (AMQP 1.0, 5.3.1): a protocol header, SASL frames, and the AMQP header.
///
/// It is pure: bytes in, frames out.
struct SASLInput {
    /// A violation in the input; the connection ends for it.
    enum Violation: Error, Equatable {
        /// The header is not that of the expected layer.
        case header(ProtocolLayer, [UInt8])
        /// A frame is smaller than its header, or its header is smaller than the minimum.
        case noFrame
        /// A frame is larger than this side allows.
        case frameSize(limit: Int)
        /// The type of a frame is AMQP, or unknown.
        case early
        /// A frame is not a SASL frame, or is one that only the other side may send.
        case encoding
    }

    /// The layer that a protocol header announces (AMQP 1.0, 2.2 and 5.3.1).
    enum ProtocolLayer: String {
        case amqp = "AMQP"
        case sasl = "SASL"

        var header: [UInt8] { [0x41, 0x4d, 0x51, 0x50, self == .sasl ? 3 : 0, 1, 0, 0] }
    }

    /// The maximum size of a received frame, in bytes.
    let maxFrameSize: Int
    private var bytes: [UInt8] = []
    private var offset = 0

    init(maxFrameSize: Int) { self.maxFrameSize = maxFrameSize }

    private var rest: ArraySlice<UInt8> { bytes[offset...] }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        bytes.removeFirst(offset)
        offset = 0
        bytes += more
    }

    /// Takes the expected protocol header.
    /// - Returns: whether it is complete.
    mutating func takeHeader(_ layer: ProtocolLayer) throws(Violation) -> Bool {
        let header = layer.header
        let start = rest.prefix(header.count)
        if start.count < header.count {
            // If the input does not begin as AMQP does, this does not wait for more.
            guard start.count < 3 || header.prefix(4).starts(with: start.prefix(4)) else {
                throw .header(layer, Array(start))
            }
            return false
        }
        guard start.elementsEqual(header) else { throw .header(layer, Array(start)) }
        offset += header.count
        return true
    }

    /// Takes the next frame; nil if none is complete. Frames without a body are skipped.
    mutating func nextFrame() throws(Violation) -> SASLFrame? {
        while rest.count >= 8 {
            let head = Array(rest.prefix(8))
            let size = head[..<4].reduce(0) { $0 << 8 | Int($1) }
            let header = 4 * Int(head[4])
            guard header >= 8, header <= size else { throw .noFrame }
            guard size <= maxFrameSize else { throw .frameSize(limit: maxFrameSize) }
            guard size == header || head[5] == 1 else { throw .early }
            guard rest.count >= size else { return nil }
            let body = Array(rest.prefix(size).dropFirst(header))
            offset += size
            guard !body.isEmpty else { continue }
            guard let frame = SASLFrame(body) else { throw .encoding }
            return frame
        }
        return nil
    }

    /// Takes the remaining bytes.
    mutating func takeRest() -> [UInt8] {
        defer { (bytes, offset) = ([], 0) }
        return Array(rest)
    }
}

extension SASLInput.Violation {
    /// The error condition for the program; a peer that has not opened its connection receives none.
    var condition: Condition {
        switch self {
        case .header(let layer, let bytes):
            Condition(.framingError, "Expected \(layer.rawValue) protocol header got: ['\(bytes.quoted)']")
        case .noFrame: Condition(.framingError, "What came before SASL was done is no frame.")
        case .frameSize(let limit): Condition(.framingError, "A frame is larger than \(limit) bytes.")
        case .early: Connection.earlyFrame
        case .encoding: Condition(.framingError, "A frame of SASL's is not one that may come from this peer.")
        }
    }
}

extension Sequence<UInt8> {
    /// The bytes as proton quotes them: bytes that are not printable ASCII, and quotes, become `\x` and two digits.
    var quoted: String {
        map { byte in
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): byte.hexadecimal
            case 0x20..<0x7f: String(Unicode.Scalar(byte))
            default: byte.hexadecimal
            }
        }.joined()
    }
}

extension UInt8 {
    private static let digits = Array("0123456789abcdef")

    fileprivate var hexadecimal: String { "\\x\(UInt8.digits[Int(self >> 4)])\(UInt8.digits[Int(self & 15)])" }
}
