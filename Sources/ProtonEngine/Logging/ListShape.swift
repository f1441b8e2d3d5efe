// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP

/// The fields of a list type of AMQP, for access by name.
package struct ListShape: Sendable {
    package struct Field: Sendable {
        package enum Kind: String, Sendable {
            case any, ubyte, ushort, uint, ulong, symbol, role
        }

        package let name: String
        package let kind: Kind

        /// Converts a value to the field's type, if possible.
        package func convert(_ value: AMQPValue) -> AMQPValue {
            switch kind {
            case .any, .role: value
            case .ubyte: value.integer(as: UInt8.self).map { .ubyte($0) } ?? value
            case .ushort: value.integer(as: UInt16.self).map { .ushort($0) } ?? value
            case .uint: value.integer(as: UInt32.self).map { .uint($0) } ?? value
            case .ulong: value.integer(as: UInt64.self).map { .ulong($0) } ?? value
            case .symbol: value.stringValue.map { .symbol(Symbol($0)) } ?? value
            }
        }
    }

    /// The descriptor.
    package let code: UInt64
    package let name: String
    package let fields: [Field]

    /// - Parameter fields: the names, with a type if a literal may need conversion: `handle:uint`.
    private init(_ code: UInt64, _ name: String, _ fields: String) {
        (self.code, self.name) = (code, name)
        self.fields = fields.split(separator: " ").map { field in
            let parts = field.split(separator: ":")
            return Field(
                name: String(parts[0]), kind: parts.count > 1 ? Field.Kind(rawValue: "\(parts[1])") ?? .any : .any)
        }
    }

    package func index(of name: String) -> Int? { fields.firstIndex { $0.name == name } }

    /// The shape for a descriptor.
    package static func of(_ code: UInt64) -> ListShape? { byCode[code] }

    /// The shape for a name.
    package static func named(_ name: String) -> ListShape? { byName[name] }

    private static let byCode = Dictionary(all.map { ($0.code, $0) }) { first, _ in first }
    private static let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }

    // Transport 2.7 and 2.8; Messaging 3.4 and 3.5; Transactions 4.5; Security 5.3.3.
    private static let all = [
        ListShape(
            0x10, "open",
            """
            container-id hostname max-frame-size:uint channel-max:ushort idle-time-out:uint outgoing-locales:symbol \
            incoming-locales:symbol offered-capabilities:symbol desired-capabilities:symbol properties
            """),
        ListShape(
            0x11, "begin",
            """
            remote-channel:ushort next-outgoing-id:uint incoming-window:uint outgoing-window:uint handle-max:uint \
            offered-capabilities:symbol desired-capabilities:symbol properties
            """),
        ListShape(
            0x12, "attach",
            """
            name handle:uint role:role snd-settle-mode:ubyte rcv-settle-mode:ubyte source target unsettled \
            incomplete-unsettled initial-delivery-count:uint max-message-size:ulong offered-capabilities:symbol \
            desired-capabilities:symbol properties
            """),
        ListShape(
            0x13, "flow",
            """
            next-incoming-id:uint incoming-window:uint next-outgoing-id:uint outgoing-window:uint handle:uint \
            delivery-count:uint link-credit:uint available:uint drain echo properties
            """),
        ListShape(
            0x14, "transfer",
            """
            handle:uint delivery-id:uint delivery-tag message-format:uint settled more rcv-settle-mode:ubyte state \
            resume aborted batchable
            """),
        ListShape(0x15, "disposition", "role:role first:uint last:uint settled state batchable"),
        ListShape(0x16, "detach", "handle:uint closed error"),
        ListShape(0x17, "end", "error"),
        ListShape(0x18, "close", "error"),
        ListShape(0x1d, "error", "condition:symbol description info"),
        ListShape(0x23, "received", "section-number:uint section-offset:ulong"),
        ListShape(0x24, "accepted", ""),
        ListShape(0x25, "rejected", "error"),
        ListShape(0x26, "released", ""),
        ListShape(0x27, "modified", "delivery-failed undeliverable-here message-annotations"),
        ListShape(
            0x28, "source",
            """
            address durable:uint expiry-policy:symbol timeout:uint dynamic dynamic-node-properties \
            distribution-mode:symbol filter default-outcome outcomes:symbol capabilities:symbol
            """),
        ListShape(
            0x29, "target",
            "address durable:uint expiry-policy:symbol timeout:uint dynamic dynamic-node-properties capabilities:symbol"
        ),
        ListShape(0x30, "coordinator", "capabilities:symbol"),
        ListShape(0x31, "declare", "global-id"),
        ListShape(0x32, "discharge", "txn-id fail"),
        ListShape(0x33, "declared", "txn-id"),
        ListShape(0x34, "transactional-state", "txn-id outcome"),
        ListShape(0x40, "sasl-mechanisms", "sasl-server-mechanisms:symbol"),
        ListShape(0x41, "sasl-init", "mechanism:symbol initial-response hostname"),
        ListShape(0x42, "sasl-challenge", "challenge"),
        ListShape(0x43, "sasl-response", "response"),
        ListShape(0x44, "sasl-outcome", "code:ubyte additional-data"),
    ]
}
