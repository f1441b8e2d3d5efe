// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension AMQPURL {
    /// Reads a URL, each part of which may be missing.
    ///
    /// Scheme and host are converted to lower case. If a user name or a password contains `/` or `%`, or the user name contains
    /// `:`, write `%2F`, `%25` and `%3A`.
    ///
    /// - Parameter text: for example `localhost`, `:5672`, `host/queue`, `amqps://user:secret@[2001:db8::1]/queue`.
    /// - Throws: `AMQPURLError`, which says what is wrong and where, and never shows the password.
    public init(_ text: String) throws(AMQPURLError) {
        var parser = AMQPURLParser(text)
        self = try parser.parse()
    }
}

/// Parses the parts of a URL from front to back, removing each from the remaining text.
private struct AMQPURLParser {
    private let text: String
    private var rest: Substring

    init(_ text: String) {
        self.text = text
        rest = text[...]
    }

    mutating func parse() throws(AMQPURLError) -> AMQPURL {
        let scheme = try takeScheme()
        let authority = takeAuthority()
        var path: String?
        if !rest.isEmpty {
            let address = rest[rest.utf8.index(after: rest.startIndex)...]
            if let zero = address.utf8.firstIndex(of: 0) {
                throw error(.invalidPath, at: zero, "an address cannot hold a zero byte")
            }
            path = String(address)
        }
        var (user, password): (String?, String?) = (nil, nil)
        var hostAndPort = authority
        if let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) {
            (user, password) = try userInfo(authority[..<at])
            hostAndPort = authority[authority.utf8.index(after: at)...]
        }
        let (host, portText) = try split(hostAndPort)
        return AMQPURL(
            scheme: scheme, user: user, password: password, host: host.isEmpty ? "localhost" : host,
            port: try portText.isEmpty ? nil : port(portText), path: path)
    }

    /// Removes `amqp://`, `amqps://`, `//` or nothing.
    private mutating func takeScheme() throws(AMQPURLError) -> AMQPURL.Scheme {
        var scheme = AMQPURL.Scheme.amqp
        if let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")),
            rest[rest.utf8.index(after: colon)...].utf8.starts(with: "//".utf8),
            !rest[..<colon].utf8.contains(UInt8(ascii: "/"))
        {
            guard let known = AMQPURL.Scheme(rawValue: rest[..<colon].lowercased()) else {
                throw error(
                    .invalidScheme, at: rest.startIndex,
                    "the scheme \(String(reflecting: String(rest[..<colon]))) is unknown; write amqp:// or amqps://")
            }
            scheme = known
            rest = rest[rest.utf8.index(after: colon)...]
        }
        if rest.utf8.starts(with: "//".utf8) {
            rest = rest[rest.utf8.index(rest.startIndex, offsetBy: 2)...]
        }
        return scheme
    }

    /// Removes the text before the first slash; the slash stays.
    private mutating func takeAuthority() -> Substring {
        let end = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        defer { rest = rest[end...] }
        return rest[..<end]
    }

    private func userInfo(_ part: Substring) throws(AMQPURLError) -> (user: String?, password: String?) {
        guard let colon = part.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            return (part.isEmpty ? nil : try decode(part), nil)
        }
        let user = colon == part.startIndex ? nil : try decode(part[..<colon])
        return (user, try decode(part[part.utf8.index(after: colon)...]))
    }

    private func decode(_ part: Substring) throws(AMQPURLError) -> String {
        guard let decoded = PercentEncoding.decode(part), !decoded.utf8.contains(0) else {
            throw error(
                .invalidUserInfo, at: part.startIndex,
                "user and password take % only before two hexadecimal digits, which decode to UTF-8 without zero"
                    + " bytes; write %25 for a percent sign")
        }
        return decoded
    }

    /// Splits `host`, `host:port`, `[IPv6]`, `[IPv6]:port`; the port is empty if there is none.
    private func split(_ part: Substring) throws(AMQPURLError) -> (host: String, port: Substring) {
        let host: Substring
        let behind: Substring
        if part.utf8.first == UInt8(ascii: "[") {
            guard let bracket = part.utf8.firstIndex(of: UInt8(ascii: "]")) else {
                throw error(.invalidHost, at: part.startIndex, "the IPv6 address lacks its closing bracket")
            }
            host = part[part.utf8.index(after: part.startIndex)..<bracket]
            behind = part[part.utf8.index(after: bracket)...]
            guard host.utf8.contains(UInt8(ascii: ":")), host.utf8.allSatisfy(Self.isIPv6Character) else {
                throw error(.invalidHost, at: part.startIndex, "only an IPv6 address stands in brackets")
            }
            guard behind.isEmpty || behind.utf8.first == UInt8(ascii: ":") else {
                throw error(
                    .invalidHost, at: behind.startIndex, "after the closing bracket only a colon and a port may stand")
            }
        } else {
            let end = part.utf8.firstIndex(of: UInt8(ascii: ":")) ?? part.endIndex
            host = part[..<end]
            behind = part[end...]
            if let wrong = host.utf8.firstIndex(where: { !Self.isHostCharacter($0) }) {
                throw error(.invalidHost, at: wrong, "a host cannot hold this character; a path begins with a slash")
            }
            if behind.utf8.dropFirst().contains(UInt8(ascii: ":")) {
                throw error(
                    .invalidHost, at: part.startIndex,
                    "more than one colon behind the host; an IPv6 address is written in brackets: [::1]:5672")
            }
        }
        let port = behind.utf8.dropFirst()
        return (host.lowercased(), part[port.startIndex...])
    }

    private func port(_ part: Substring) throws(AMQPURLError) -> Int {
        if let scheme = AMQPURL.Scheme(rawValue: part.lowercased()) {
            return scheme.defaultPort
        }
        guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(part) else {
            throw error(
                .invalidPort, at: part.startIndex,
                "the port is neither a number from 0 to 65535 nor amqp or amqps; write %2F for a slash in a password")
        }
        return Int(port)
    }

    /// Hexadecimal digits, colons, the dots of an embedded IPv4 address, and a zone (`%eth0`) of any name characters.
    private static func isIPv6Character(_ byte: UInt8) -> Bool {
        byte != UInt8(ascii: "[") && (byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%") || isHostCharacter(byte))
    }

    /// Anything except control characters, spaces, and characters with a meaning in a URL; the resolver checks non-ASCII names.
    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x00...0x20, 0x7f: false
        case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"),
            UInt8(ascii: "@"), UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "\\"):
            false
        default: true
        }
    }

    private func error(_ code: AMQPURLError.Code, at index: String.Index, _ message: String) -> AMQPURLError {
        AMQPURLError(code: code, offset: text.utf8.distance(from: text.startIndex, to: index), message: message)
    }
}
