// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting

// What the tests of the engine say often, in bytes.
extension Frame {
    /// The header of AMQP.
    static let header = amqpHeader.bytes

    /// A message whose body is null: the smallest there is.
    static let message: [UInt8] = [0, 0x53, 0x77, 0x40]

    /// The frame as bytes; those of a test can be encoded.
    var bytes: [UInt8] { (try? encoded()) ?? [] }

    /// An attach of a sender to one target.
    static func attach(_ name: String = "link", handle: UInt32 = 0, channel: UInt16 = 0) -> Frame {
        attach(sendingTo: "target", name: name, handle: handle, channel: channel)
    }

    /// A transfer of the smallest message, or of any bytes.
    static func transfer(
        handle: UInt32 = 0, id: UInt32?, tag: [UInt8]? = [1], more: Bool = false, isSettled: Bool = false,
        isAborted: Bool = false, _ payload: [UInt8] = Frame.message
    ) -> Frame {
        transfer(
            id ?? 0, payload: payload, handle: handle,
            [
                "delivery-id": id.map { .uint($0) } ?? .null, "delivery-tag": tag.map { .binary($0) } ?? .null,
                "settled": .boolean(isSettled), "more": .boolean(more), "aborted": .boolean(isAborted),
            ])
    }
}
