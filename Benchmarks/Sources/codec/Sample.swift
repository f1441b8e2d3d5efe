// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The messages that are measured.
enum Sample: String, CaseIterable {
    /// An id and a body of data: what `-m msg` of the peers sends.
    case plain
    /// The header, properties and application properties too: their `-m msgp`.
    case withProperties = "properties"
    /// An id and a map, as programs that carry structured values send.
    case withMap = "map"

    func make(_ id: Int, _ body: [UInt8]) -> Message {
        switch self {
        case .plain:
            Message(id: MessageID(id), body: .data(body))
        case .withProperties:
            Message(
                id: MessageID(id), body: .data(body), address: "examples", subject: "subject",
                properties: ["key": "value", "seq": .long(Int64(id))], contentType: "application/octet-stream",
                isDurable: true, creationTime: Timestamp(milliseconds: 1_700_000_000_000))
        case .withMap:
            Message(
                id: MessageID(id),
                body: ["sequence": .long(Int64(id)), "name": "example", "values": [1.5, 2.5, 3.5], "ready": true])
        }
    }

    /// Sets one property of a message with properties, as a node on its way does.
    static func change(_ message: Message, _ number: Int) -> Message {
        var changed = message
        changed.properties["seq"] = .long(Int64(number))
        return changed
    }
}
