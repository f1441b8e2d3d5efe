// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

extension QueuedMessage {
    /// The bytes to send: those that arrived, with the changes of the header and the annotations.
    ///
    /// The header changes after failed deliveries, an earlier consumer, or elapsed time to live (AMQP 1.0, 3.2.1). Consumers may
    /// have added annotations.
    ///
    /// Invalid messages are sent unchanged: the consumer has to refuse them.
    /// - Parameter now: the time by the queue's clock, in milliseconds.
    func encoded(at now: @autoclosure () -> Int64) -> [UInt8] {
        if failures == 0, !wasAcquired, extras == nil { return bytes }
        return changed(at: now()) ?? bytes
    }

    /// The message with changed annotations and header; nil if nothing changes.
    private func changed(at now: Int64) -> [UInt8]? {
        if hasAddedAnnotations { return try? decoded(at: now).encoded() }
        let old = MessagePrefix(bytes)
        let new = header(old, at: now)
        guard new != old else { return nil }
        // A header in an unusual form is encoded together with the rest of the message.
        guard old.headerEnd > 0 || isWithoutHeader else { return try? decoded(at: now).encoded() }
        return new.encodedHeader + bytes[old.headerEnd...]
    }

    private var isWithoutHeader: Bool {
        bytes.count > 2 && bytes[0] == 0x00 && bytes[1] == 0x53 && bytes[2] != 0x70
    }

    /// The current header of the message.
    private func header(_ old: MessagePrefix, at now: Int64) -> MessagePrefix {
        var new = old
        let (count, overflow) = old.deliveryCount.addingReportingOverflow(failures)
        new.deliveryCount = overflow ? .max : count
        if wasAcquired { new.isFirstAcquirer = false }
        // The absolute expiry time has its own field.
        if let time = old.timeToLive, let expiry { new.timeToLive = min(time, UInt32(clamping: max(1, expiry - now))) }
        return new
    }

    private func decoded(at now: Int64) throws -> Message {
        var message = try Message(decoding: bytes)
        let header = header(MessagePrefix(bytes), at: now)
        message.deliveryCount = header.deliveryCount
        message.isFirstAcquirer = header.isFirstAcquirer
        if let time = header.timeToLive { message.timeToLive = .milliseconds(time) }
        for (key, value) in extras?.annotations ?? Annotations() { message.annotations[key] = value }
        return message
    }

    // MARK: Annotations

    /// The maximum size of annotations that consumers may add to a message, in encoded bytes: more are not added.
    private static let maxAddedSize = 4_096

    /// Adds annotations to the message's own.
    mutating func merge(_ annotations: Annotations) {
        guard !annotations.isEmpty else { return }
        var merged = extras?.annotations ?? Annotations()
        for (key, value) in annotations { merged[key] = value }
        guard let size = try? AMQPValue.map(AMQPMap(merged)).encoded().count, size <= QueuedMessage.maxAddedSize else {
            return
        }
        extras = Extras(content: extras?.content, annotations: merged, expiry: extras?.expiry)
    }
}

extension MessagePrefix {
    /// The header section of a message, in its shortest form (AMQP 1.0, 3.2.1).
    fileprivate var encodedHeader: [UInt8] {
        var fields: [UInt8] = [isDurable ? 0x41 : 0x42]
        fields += priority == 4 ? [0x40] : [0x50, priority]
        if let timeToLive {
            fields += [0x70] + withUnsafeBytes(of: timeToLive.bigEndian) { Array($0) }
        } else {
            fields.append(0x40)
        }
        fields.append(isFirstAcquirer ? 0x41 : 0x42)
        fields += [0x70] + withUnsafeBytes(of: deliveryCount.bigEndian) { Array($0) }
        return [0x00, 0x53, 0x70, 0xc0, UInt8(fields.count + 1), 5] + fields
    }
}
