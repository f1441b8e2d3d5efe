// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
import FoundationEssentials

/// AMQP values as JSON says them: what `JSONOutput` writes, and any other JSON.
package enum JSONInput {
    /// The value that some bytes are.
    ///
    /// Whole numbers are a `long`, or a `ulong` where they are too large for that; others a `double`. An object whose only key is
    /// that of a type, such as `{"$uint": 5}`, is a value of the type.
    /// - Throws: `ToolError` where they are no JSON, or say no value.
    package static func value(_ bytes: [UInt8]) throws -> AMQPValue {
        do {
            return try JSONDecoder().decode(Node.self, from: Data(bytes)).value
        } catch let error as ArgumentProblem {
            throw ToolError(.failure, "The body: \(error)")
        } catch {
            throw ToolError(.failure, "The body is not valid JSON: 'python3 -m json.tool' tells where.")
        }
    }

    /// How deep values may be nested.
    private static let maxDepth = 100

    /// Any JSON, as the value that it says.
    struct Node: Decodable {
        let value: AMQPValue

        init(from decoder: any Decoder) throws {
            guard decoder.codingPath.count <= maxDepth else {
                throw ArgumentProblem("values are nested deeper than \(maxDepth).")
            }
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                value = .null
            } else if let flag = try? container.decode(Bool.self) {
                value = .boolean(flag)
            } else if let number = try? container.decode(Int64.self) {
                value = .long(number)
            } else if let number = try? container.decode(UInt64.self) {
                value = .ulong(number)
            } else if let number = try? container.decode(Double.self) {
                value = .double(number)
            } else if let text = try? container.decode(String.self) {
                value = .string(text)
            } else if var list = try? decoder.unkeyedContainer() {
                var elements: [AMQPValue] = []
                while !list.isAtEnd { elements.append(try list.decode(Node.self).value) }
                value = .list(elements)
            } else {
                value = try Node.object(try decoder.container(keyedBy: Key.self))
            }
        }

        private static func object(_ container: KeyedDecodingContainer<Key>) throws -> AMQPValue {
            // The decoder does not keep their order: sorted, they have the same one each time.
            let keys = container.allKeys.sorted { $0.stringValue < $1.stringValue }
            let pairs = try keys.map { key in (key.stringValue, try container.decode(Node.self, forKey: key).value) }
            if pairs.count == 1, let (key, value) = pairs.first, key.hasPrefix("$") {
                return try TaggedValue.read(key, value)
            }
            return .map(AMQPMap(pairs.map { (.string($0.0), $0.1) }))
        }
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
