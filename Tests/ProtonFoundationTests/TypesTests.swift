// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials
import ProtonFoundation
import Testing

/// Foundation's UUID, Date, Data and URL as AMQP's values, and back.
struct TypesTests {
    // MARK: UUID

    private static let uuidText = "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"

    @Test func uuidKeepsItsBytesInTheirOrder() throws {
        let uuid = try #require(UUID(uuidString: Self.uuidText))
        #expect(uuid.amqpValue == .uuid(AMQPUUID(high: 0xf81d_4fae_7dec_11d0, low: 0xa765_00a0_c91e_6bf6)))
        #expect(UUID(uuid.amqpValue) == uuid)
        #expect(UUID(AMQPUUID(uuid)) == uuid)
    }

    @Test func uuidIsAMessagesIdentifier() throws {
        let uuid = UUID()
        let message = try Message(decoding: Message(id: MessageID(uuid)).encoded())
        #expect(message.id.flatMap { UUID($0) } == uuid)
        #expect(UUID(MessageID(Self.uuidText)) == nil, "a text is not a UUID, whatever it says")
    }

    @Test func anotherTypeIsNoUUID() {
        #expect(UUID(AMQPValue.string(Self.uuidText)) == nil)
        #expect(UUID(AMQPValue.binary([UInt8](repeating: 0, count: 16))) == nil)
    }

    // MARK: Date

    @Test(arguments: [0, 1, -1, 1_795_986_000_123, -62_135_596_800_000, 4_102_444_800_001] as [Int64])
    func timestampKeepsItsMilliseconds(_ milliseconds: Int64) {
        let timestamp = Timestamp(milliseconds: milliseconds)
        #expect(Timestamp(Date(timestamp)) == timestamp)
        #expect(Date(timestamp).amqpValue == .timestamp(timestamp))
        #expect(Date(AMQPValue.timestamp(timestamp)) == Date(timestamp))
    }

    @Test func dateIsRoundedToTheNearestMillisecond() {
        #expect(Timestamp(Date(timeIntervalSince1970: 1.0006)).milliseconds == 1_001)
        #expect(Timestamp(Date(timeIntervalSince1970: -1.0006)).milliseconds == -1_001)
    }

    @Test(
        arguments: [
            (.infinity, .max), (-.infinity, .min), (1e300, .max), (-1e300, .min), (.nan, 0),
            (9_223_372_036_854_775.807, .max),
        ] as [(Double, Int64)])
    func dateOutOfRangeBecomesTheNearest(_ seconds: Double, _ milliseconds: Int64) {
        #expect(Timestamp(Date(timeIntervalSince1970: seconds)).milliseconds == milliseconds)
    }

    @Test func anotherTypeIsNoDate() { #expect(Date(AMQPValue.long(0)) == nil) }

    // MARK: Data, URL

    @Test func dataIsABinary() {
        let data = Data([0, 1, 255])
        #expect(data.amqpValue == .binary([0, 1, 255]))
        #expect(Data(data.amqpValue) == data)
        #expect(Data(data[1...].amqpValue) == Data([1, 255]), "of a slice, what is in it")
        #expect(Data(AMQPValue.string("abc")) == nil)
    }

    @Test func urlIsAString() throws {
        let url = try #require(URL(string: "https://example.com/a%20b?c#d"))
        #expect(url.amqpValue == .string("https://example.com/a%20b?c#d"))
        #expect(URL(url.amqpValue) == url)
        #expect(URL(AMQPValue.symbol("https://example.com")) == nil)
    }

    // MARK: In messages

    @Test func variablesGoIntoMessages() throws {
        let (uuid, date) = (UUID(), Date(timeIntervalSince1970: 1.5))
        var message = Message(body: [uuid, uuid])
        message.properties["made"] = date
        let read = try Message(decoding: message.encoded())
        #expect(read.body == .value(.list([uuid.amqpValue, uuid.amqpValue])))
        #expect(read.properties["made"].flatMap { Date($0) } == date)
    }
}
