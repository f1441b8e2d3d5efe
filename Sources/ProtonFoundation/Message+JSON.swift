// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import FoundationEssentials

// Bodies of JSON.

extension Message {
    /// A message whose body is the JSON of a value, as data, and whose content type is `application/json`.
    ///
    /// ```swift
    /// var message = try Message(json: Order(item: "pen", count: 3))
    /// message.subject = "orders"
    /// ```
    ///
    /// - Parameters:
    ///   - value: the value.
    ///   - encoder: writes the JSON: how it has dates, the order of its keys, and the like.
    /// - Throws: `EncodingError`, and what the value's `encode(to:)` throws.
    public init(json value: some Encodable, encoder: JSONEncoder = JSONEncoder()) throws {
        self.init(body: .data(try encoder.encode(value)), contentType: "application/json")
    }

    /// The value whose JSON the body is.
    ///
    /// ```swift
    /// let order = try message.json(as: Order.self)
    /// ```
    ///
    /// The JSON may be data, several sections joined, a `binary` or a `string`, as other clients send it. The content type
    /// may be left out; where there is one, it has to be JSON's: `application/json`, `text/json`, or one that ends in
    /// `+json`.
    ///
    /// - Parameters:
    ///   - type: the type of the value.
    ///   - decoder: reads the JSON: how it has dates, and the like.
    /// - Throws: `DecodingError`: of another content type, of a content encoding such as `gzip`, of a body that is neither
    ///   bytes nor text, and, with the path to it, of what is no JSON, missing or of another type; and what the type's
    ///   `init(from:)` throws.
    public func json<T: Decodable>(as type: T.Type = T.self, decoder: JSONDecoder = JSONDecoder()) throws -> T {
        try checkIsJSON()
        if let data = bodyData { return try decoder.decode(type, from: data) }
        guard let text = body.stringValue else {
            throw corrupted("The body is neither bytes nor text, and so no JSON.")
        }
        return try decoder.decode(type, from: Data(text.utf8))
    }

    /// - Throws: `DecodingError.dataCorrupted` where the message says that its body is something else than JSON.
    private func checkIsJSON() throws {
        if let contentType, !Message.isJSON(contentType.name) {
            throw corrupted("The content type is \(contentType.name), not that of JSON, application/json.")
        }
        if let contentEncoding, contentEncoding.name.lowercased() != "identity" {
            throw corrupted("The content encoding is \(contentEncoding.name): decode the body's bytes first.")
        }
    }

    /// Whether a media type is one of JSON, whatever parameters follow it (RFC 6839, section 3.1; RFC 8259, section 11).
    private static func isJSON(_ mediaType: String) -> Bool {
        let name = mediaType.prefix { $0 != ";" && $0 != " " }.lowercased()
        return name == "application/json" || name == "text/json" || name.hasSuffix("+json")
    }

    private func corrupted(_ text: String) -> DecodingError {
        .dataCorrupted(DecodingError.Context(codingPath: [], debugDescription: text))
    }
}
