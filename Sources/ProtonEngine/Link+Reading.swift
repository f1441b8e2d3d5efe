// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import CProton

/// Reads the bytes of messages from proton.
extension Link {
    /// Buffers the bytes of an incomplete message.
    func readPart(_ delivery: OpaquePointer) {
        guard let pointer else { return }
        keep(pn_delivery_pending(delivery)) { Link.read(pointer, into: $0) }
    }

    /// Drops the buffered bytes of a message that is settled before it is complete.
    func dropParts(of delivery: OpaquePointer) {
        if let pointer, pn_link_current(pointer) == delivery { takePartial() }
    }

    /// Reads a complete message, and advances to the next delivery.
    func takeBytes(_ delivery: OpaquePointer) -> [UInt8] {
        guard let pointer else { return [] }
        if isTakenInParts { return takePart(delivery, upTo: .max) }
        defer { goOn(on: pointer) }
        guard !hasParts else {
            readPart(delivery)
            return takePartial()
        }
        // Measured: if the bytes fit on the stack, it takes half the time to make an array of bytes there than to fill in the
        // memory of an array.
        let pending = pn_delivery_pending(delivery)
        guard pending > Link.stackSize else {
            return withUnsafeTemporaryAllocation(byteCount: pending, alignment: 1) { buffer in
                let count = Link.read(pointer, into: buffer)
                return [UInt8](UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            }
        }
        return [UInt8](unsafeUninitializedCapacity: pending) { buffer, count in
            count = Link.read(pointer, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// The maximum number of bytes that are read through the stack.
    static let stackSize = 1_024

    /// Reads a complete message that was not read before, and advances to the next delivery.
    func takeBytes(_ delivery: OpaquePointer, appendingTo bytes: inout [UInt8]) {
        guard let pointer else { return }
        defer { goOn(on: pointer) }
        withUnsafeTemporaryAllocation(byteCount: pn_delivery_pending(delivery), alignment: 1) { buffer in
            let count = Link.read(pointer, into: buffer)
            bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
    }

    /// Reads a complete message into the memory that the message keeps, and advances to the next delivery.
    func takeMessage(_ delivery: OpaquePointer) throws(InvalidMessage) -> Message {
        guard let pointer else { return Message() }
        defer { goOn(on: pointer) }
        return try Message(capacity: pn_delivery_pending(delivery), limits: connection.limits.decoding) {
            Link.read(pointer, into: $0)
        }
    }

    /// The message of bytes that were buffered until they were complete.
    func message(of bytes: [UInt8]) throws(InvalidMessage) -> Message {
        try Message(capacity: bytes.count, limits: connection.limits.decoding) { memory in
            bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
            return bytes.count
        }
    }

    static func read(_ link: OpaquePointer, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard buffer.count > 0 else { return 0 }
        return max(0, pn_link_recv(link, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count))
    }
}
