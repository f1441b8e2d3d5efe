// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton
import Glibc

@testable import AMQP

/// Proton's own message, `pn_message_t`, as the judge over ours.
final class OracleMessage {
    private let message = pn_message()

    deinit { pn_message_free(message) }

    /// The message that proton decodes from the bytes.
    static func decode(_ bytes: [UInt8]) throws -> Message {
        let oracle = OracleMessage()
        let result = OracleData.withBytes(bytes) { pn_message_decode(oracle.message, $0.start, $0.size) }
        guard result == 0 else { throw OracleData.Failure(code: result, what: "pn_message_decode") }
        return try oracle.fields()
    }

    /// The bytes that proton encodes the message to.
    static func encode(_ message: Message) throws -> [UInt8] {
        let oracle = OracleMessage()
        try oracle.set(message)
        var buffer = pn_rwbytes_t()
        defer { free(buffer.start) }
        let size = pn_message_encode2(oracle.message, &buffer)
        guard size >= 0 else {
            throw OracleData.Failure(code: Int32(truncatingIfNeeded: size), what: "pn_message_encode2")
        }
        return OracleData.bytes(pn_bytes_t(size: size, start: buffer.start))
    }

    // MARK: Reading

    private func fields() throws -> Message {
        let userID = OracleData.bytes(pn_message_get_user_id(message))
        let timeToLive = pn_message_get_ttl(message)
        let (expiry, creation) = (pn_message_get_expiry_time(message), pn_message_get_creation_time(message))
        let groupSequence = pn_message_get_group_sequence(message)
        return Message(
            id: try messageID(pn_message_id(message)),
            body: try body(),
            address: text(pn_message_get_address(message)),
            subject: text(pn_message_get_subject(message)),
            replyTo: text(pn_message_get_reply_to(message)),
            correlationID: try messageID(pn_message_correlation_id(message)),
            properties: try section(pn_message_properties(message)) { ApplicationProperties($0) },
            annotations: try section(pn_message_annotations(message)) { Annotations($0) },
            contentType: text(pn_message_get_content_type(message)).map { Symbol($0) },
            contentEncoding: text(pn_message_get_content_encoding(message)).map { Symbol($0) },
            isDurable: pn_message_is_durable(message),
            priority: pn_message_get_priority(message),
            timeToLive: timeToLive == 0 ? nil : .milliseconds(timeToLive),
            isFirstAcquirer: pn_message_is_first_acquirer(message),
            deliveryCount: pn_message_get_delivery_count(message),
            userID: userID.isEmpty ? nil : userID,
            expiryTime: expiry == 0 ? nil : Timestamp(milliseconds: expiry),
            creationTime: creation == 0 ? nil : Timestamp(milliseconds: creation),
            groupID: text(pn_message_get_group_id(message)),
            groupSequence: groupSequence == 0 ? nil : groupSequence,
            replyToGroupID: text(pn_message_get_reply_to_group_id(message)),
            deliveryAnnotations: try section(pn_message_instructions(message)) { Annotations($0) })
    }

    private func text(_ text: UnsafePointer<CChar>?) -> String? { text.map { String(cString: $0) } }

    private func messageID(_ data: OpaquePointer?) throws -> MessageID? {
        switch try OracleData(borrowing: data).values().first {
        case nil, .null: nil
        case .ulong(let value): .ulong(value)
        case .uuid(let value): .uuid(value)
        case .binary(let value): .binary(value)
        case .string(let value): .string(value)
        case let value?: throw OracleData.Failure(code: 0, what: "message id \(value)")
        }
    }

    private func section<Key>(
        _ data: OpaquePointer?, _ map: (AMQPMap) -> OrderedMap<Key>?
    ) throws -> OrderedMap<Key> {
        guard let value = try OracleData(borrowing: data).values().first else { return [:] }
        guard let section = value.mapValue.flatMap(map) else { throw OracleData.Failure(code: 0, what: "map section") }
        return section
    }

    private func body() throws -> Message.Body {
        let value = try OracleData(borrowing: pn_message_body(message)).values().first ?? .null
        switch value {
        case .binary(let bytes) where pn_message_is_inferred(message): return .data(bytes)
        case .list(let elements) where pn_message_is_inferred(message): return .sequence(elements)
        default: return .value(value)
        }
    }

    // MARK: Building

    private func set(_ source: Message) throws {
        try put(source.id?.value, pn_message_id(message))
        try put(source.correlationID?.value, pn_message_correlation_id(message))
        try put(source.body.value, pn_message_body(message))
        if case .value = source.body {} else { pn_message_set_inferred(message, true) }
        let sections = [
            (AMQPMap(source.deliveryAnnotations), pn_message_instructions(message)),
            (AMQPMap(source.annotations), pn_message_annotations(message)),
            (AMQPMap(source.properties), pn_message_properties(message)),
        ]
        for (map, data) in sections where !map.isEmpty { try put(.map(map), data) }
        pn_message_set_durable(message, source.isDurable)
        pn_message_set_priority(message, source.priority)
        pn_message_set_first_acquirer(message, source.isFirstAcquirer)
        pn_message_set_delivery_count(message, source.deliveryCount)
        if let timeToLive = source.timeToLive {
            let (seconds, attoseconds) = timeToLive.components
            pn_message_set_ttl(message, pn_millis_t(seconds * 1000 + attoseconds / 1_000_000_000_000_000))
        }
        if let id = source.userID { OracleData.withBytes(id) { _ = pn_message_set_user_id(message, $0) } }
        if let text = source.address { pn_message_set_address(message, text) }
        if let text = source.subject { pn_message_set_subject(message, text) }
        if let text = source.replyTo { pn_message_set_reply_to(message, text) }
        if let type = source.contentType { pn_message_set_content_type(message, type.name) }
        if let type = source.contentEncoding { pn_message_set_content_encoding(message, type.name) }
        if let time = source.expiryTime { pn_message_set_expiry_time(message, time.milliseconds) }
        if let time = source.creationTime { pn_message_set_creation_time(message, time.milliseconds) }
        if let text = source.groupID { pn_message_set_group_id(message, text) }
        if let number = source.groupSequence { pn_message_set_group_sequence(message, number) }
        if let text = source.replyToGroupID { pn_message_set_reply_to_group_id(message, text) }
    }

    private func put(_ value: AMQPValue?, _ data: OpaquePointer?) throws {
        if let value { try OracleData(borrowing: data).put(value) }
    }
}
