// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials
import ProtonFoundation
import Testing

/// Bodies of Data, and of JSON.
struct MessageBodyTests {
    private struct Order: Codable, Equatable {
        var item: String
        var count: Int
    }

    private let order = Order(item: "pen", count: 3)

    private static func received(_ message: Message) throws -> Message { try Message(decoding: message.encoded()) }

    /// The text of what a body throws; nil where it throws nothing, or something else than a `DecodingError`.
    private func problem(_ message: Message) -> String? {
        do {
            _ = try message.json(as: Order.self)
            return nil
        } catch DecodingError.dataCorrupted(let context) {
            return context.debugDescription
        } catch {
            return "another error: \(error)"
        }
    }

    // MARK: Data

    @Test func dataIsOneSection() throws {
        let message = try Self.received(Message(body: .data(Data([1, 2, 3]))))
        #expect(message.body == .data([1, 2, 3]))
        #expect(message.bodyData == Data([1, 2, 3]))
    }

    @Test func arraysOfBytesAreStillData() {
        // Not ambiguous beside the form with Data.
        #expect(Message.Body.data([1, 2]) == .data([UInt8]([1, 2])))
        #expect(Message.Body.data(.init("a".utf8)) == .data([97]))
    }

    @Test func sectionsAndBinariesAreBytesToo() throws {
        #expect(try Self.received(Message(body: .dataSections([[1], [2, 3]]))).bodyData == Data([1, 2, 3]))
        #expect(try Self.received(Message(body: Data([4]))).bodyData == Data([4]))
        #expect(try Self.received(Message(body: .data(Data()))).bodyData == Data())
    }

    @Test func otherBodiesHaveNoBytes() throws {
        #expect(try Self.received(Message(body: "text")).bodyData == nil)
        #expect(Message().bodyData == nil)
    }

    // MARK: JSON

    @Test func jsonGoesAndComes() throws {
        let message = try Self.received(Message(json: order))
        #expect(message.contentType == "application/json")
        guard case .data = message.body else {
            Issue.record("not data: \(message.body)")
            return
        }
        #expect(try message.json(as: Order.self) == order)
        let inferred: Order = try message.json()
        #expect(inferred == order)
    }

    @Test func encoderAndDecoderAreTheProgramsOwn() throws {
        let (encoder, decoder) = (JSONEncoder(), JSONDecoder())
        encoder.dateEncodingStrategy = .secondsSince1970
        decoder.dateDecodingStrategy = .secondsSince1970
        let date = Date(timeIntervalSince1970: 17)
        let message = try Self.received(Message(json: [date], encoder: encoder))
        #expect(message.bodyData == Data("[17]".utf8))
        #expect(try message.json(as: [Date].self, decoder: decoder) == [date])
    }

    @Test(arguments: [
        "application/json", "application/json; charset=utf-8", "Application/JSON;charset=utf-8", "text/json",
        "application/vnd.example.order+json",
    ])
    func contentTypesOfJSONAreTaken(_ type: String) throws {
        var message = try Message(json: order)
        message.contentType = Symbol(type)
        #expect(try Self.received(message).json(as: Order.self) == order)
    }

    @Test func jsonOfOtherClientsIsTaken() throws {
        let text = #"{"item":"pen","count":3}"#
        for body: Message.Body in [
            .data([UInt8](text.utf8)), .value(.binary([UInt8](text.utf8))), .value(.string(text)),
            .dataSections([[UInt8](text.utf8.prefix(5)), [UInt8](text.utf8.dropFirst(5))]),
        ] {
            #expect(try Self.received(Message(body: body)).json(as: Order.self) == order, "\(body)")
        }
    }

    @Test func errorsSayWhatIsWrong() throws {
        var text = try Message(json: order)
        text.contentType = "text/plain"
        #expect(problem(text) == "The content type is text/plain, not that of JSON, application/json.")
        var packed = try Message(json: order)
        packed.contentEncoding = "gzip"
        #expect(problem(packed) == "The content encoding is gzip: decode the body's bytes first.")
        #expect(problem(Message(body: 3)) == "The body is neither bytes nor text, and so no JSON.")
        #expect(problem(Message(body: .data([UInt8]("{".utf8))))?.isEmpty == false)
        #expect(problem(Message(body: .data([0xff])))?.isEmpty == false)
    }

    @Test func whatIsMissingIsNamed() throws {
        let message = Message(body: .data([UInt8](#"{"item":"pen"}"#.utf8)))
        do {
            _ = try message.json(as: Order.self)
            Issue.record("read, though the count is missing")
        } catch DecodingError.keyNotFound(let key, _) {
            #expect(key.stringValue == "count")
        }
    }

    @Test func deepJSONIsAnError() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: DecodingError.self) { try Message(body: .data(deep)).json(as: Order.self) }
    }
}
