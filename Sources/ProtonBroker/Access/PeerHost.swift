// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The host of a connection: the limits of connections and authentications count by it.
package struct PeerHost: Hashable, Sendable, CustomStringConvertible {
    /// The four bytes of an IPv4 address, or the first eight of an IPv6 address.
    ///
    /// An IPv6 host mostly has a network of 2^64 addresses: all of them count as one host.
    private let bytes: [UInt8]
    /// Whether it is this machine: 127.0.0.0/8, or ::1.
    package let isLoopback: Bool
    package let description: String

    /// Parses an address and its port: `10.0.0.1:5672`, `[2001:db8::1]:5672`.
    /// - Returns: nil if it is not an address.
    package init?(_ address: String) {
        guard let colon = address.lastIndex(of: ":") else { return nil }
        var host = address[..<colon]
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        // The zone of a link-local IPv6 address is not part of it.
        let text = String(host.prefix { $0 != "%" })
        if let bytes = PeerHost.parse(text, AF_INET, count: 4) {
            self.init(version4: bytes)
        } else if let bytes = PeerHost.parse(text, AF_INET6, count: 16) {
            self.init(version6: bytes, text)
        } else {
            return nil
        }
    }

    private init(bytes: [UInt8], isLoopback: Bool, description: String) {
        (self.bytes, self.isLoopback, self.description) = (bytes, isLoopback, description)
    }

    private init(version4 bytes: [UInt8]) {
        self.init(
            bytes: bytes, isLoopback: bytes[0] == 127, description: bytes.map(String.init).joined(separator: "."))
    }

    private init(version6 bytes: [UInt8], _ text: String) {
        // An IPv4 address in the form of an IPv6 socket: ::ffff:a.b.c.d.
        if bytes.starts(with: [UInt8](repeating: 0, count: 10) + [0xff, 0xff]) {
            self.init(version4: Array(bytes[12...]))
            return
        }
        self.init(
            bytes: Array(bytes[..<8]), isLoopback: bytes == [UInt8](repeating: 0, count: 15) + [1], description: text)
    }

    package static func == (left: PeerHost, right: PeerHost) -> Bool {
        left.bytes == right.bytes && left.isLoopback == right.isLoopback
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    private static func parse(_ text: String, _ family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return inet_pton(family, text, &bytes) == 1 ? bytes : nil
    }
}
