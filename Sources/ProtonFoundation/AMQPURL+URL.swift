// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import FoundationEssentials

// Foundation's URL as AMQP's, and back.

extension AMQPURL {
    /// The same URL, whose address is what its path stands for: `amqp://host/a%20b` has the address `a b`.
    ///
    /// A URL of Foundation has no character in its path that is not allowed there, but encodes it; an `AMQPURL` has the
    /// address as it is. What follows a `?` or a `#` belongs to the address too, as it does in the text of an `AMQPURL`.
    ///
    /// - Throws: `AMQPURLError`, where the scheme is neither `amqp` nor `amqps`, and the like.
    public init(_ url: URL) throws {
        let text = url.absoluteString
        try self.init(text)
        guard let encoded = path else { return }
        guard let path = PercentEncoding.decode(encoded[...]), !path.utf8.contains(0) else {
            throw AMQPURLError(
                code: .invalidPath, offset: text.utf8.count - encoded.utf8.count,
                message: "the path is not correctly percent-encoded UTF-8, or holds a zero byte")
        }
        self.path = path
    }
}

extension URL {
    /// The same URL, with its password, and with what the address has encoded where a path does not take it.
    ///
    /// Nil where the parts are those of no URL, such as a port above 65,535.
    public init?(_ url: AMQPURL) {
        guard (0...65_535).contains(url.port) else { return nil }
        var components = URLComponents()
        components.scheme = url.scheme.rawValue
        components.percentEncodedUser = url.user.map(PercentEncoding.encode)
        components.percentEncodedPassword = url.password.map(PercentEncoding.encode)
        components.host = url.host.utf8.contains(UInt8(ascii: ":")) ? "[\(url.host)]" : url.host
        components.port = url.port
        components.percentEncodedPath =
            url.path.map { path in
                "/"
                    + path.split(separator: "/", omittingEmptySubsequences: false)
                    .map { PercentEncoding.encode(String($0)) }.joined(separator: "/")
            } ?? ""
        guard let url = components.url else { return nil }
        self = url
    }
}
