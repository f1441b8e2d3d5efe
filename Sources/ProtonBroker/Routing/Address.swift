// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An address as the key of a table: compared byte by byte, since addresses have no meaning for the broker.
///
/// Swift strings are equal if their characters are, however they are encoded: two such addresses are two nodes.
struct Address: Hashable, Sendable, ExpressibleByStringLiteral {
    let text: String

    init(_ text: String) { self.text = text }
    init(stringLiteral text: String) { self.text = text }

    static func == (left: Address, right: Address) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}

/// A pattern of addresses, whose segments are separated by `/`: `*` matches one of them, `#` at the end any number, including
/// none.
struct AddressPattern: Hashable, Sendable {
    private enum Segment: Hashable, Sendable {
        case text([UInt8])
        case any
        case rest
    }

    private let segments: [Segment]

    /// Any text is a pattern; a `#` before the end matches itself.
    init(_ text: String) {
        var segments = AddressPattern.split(text).map { $0.elementsEqual("*".utf8) ? Segment.any : .text(Array($0)) }
        if segments.last == .text(Array("#".utf8)) { segments[segments.count - 1] = .rest }
        self.segments = segments
    }

    /// Segments are compared byte by byte.
    private static func split(_ address: String) -> [Substring.UTF8View] {
        address.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { $0 }
    }

    func matches(_ address: String) -> Bool {
        let parts = AddressPattern.split(address)
        for (index, segment) in segments.enumerated() {
            switch segment {
            case .rest: return true
            case .any: guard index < parts.count else { return false }
            case .text(let text): guard index < parts.count, parts[index].elementsEqual(text) else { return false }
            }
        }
        return parts.count == segments.count
    }
}

/// Identifies a durable subscription: by its container and the name of its link.
struct SubscriptionName {
    /// The container id of the subscriber.
    let containerID: String
    let linkName: String

    /// The address of the subscription's queue, which no other name has.
    ///
    /// The first slash separates the two: a slash in the container id is written as `%2F`, and a percent sign as `%25`.
    var address: String {
        var address = ""
        for scalar in containerID.unicodeScalars {
            switch scalar {
            case "/": address += "%2F"
            case "%": address += "%25"
            default: address.unicodeScalars.append(scalar)
            }
        }
        return "\(address)/\(linkName)"
    }
}
