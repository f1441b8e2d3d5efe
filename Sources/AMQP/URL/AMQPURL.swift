// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The network address of a broker or a peer, and optionally an AMQP address there: `amqp://user:password@host:port/path`.
///
/// Every part is optional, so these are URLs too: `host`, `host:port`, `host:port/path`, `//host/path`, `:port`,
/// `[::1]:5672/queue`. Missing parts have these defaults:
///
/// | part | default |
/// | --- | --- |
/// | scheme | `amqp` |
/// | user, password, path | `nil` |
/// | host | `localhost` |
/// | port | 5672 for `amqp`, 5671 for `amqps`; the names `amqp` and `amqps` can be written instead of these numbers |
///
/// The path is everything after the first slash after the host, exactly as written. An AMQP address may contain any character, so
/// `%`, `?` and `#` have no special meaning in it (`host/news/#` is the address `news/#`). The user and the password are
/// percent-decoded.
///
/// It differs from Python's `proton.Url` in three points: the default host is `localhost` instead of `0.0.0.0` (to listen on all
/// addresses, write `0.0.0.0` or `[::]`); the path keeps the text after a `?`, `#` or `;`; and an invalid URL is an error, not a
/// guess.
///
/// The password appears in no description, debug description, mirror or error of this type.
public struct AMQPURL: Sendable, Hashable {
    /// The transport of the connection: plain TCP or TLS.
    public enum Scheme: String, Sendable, Hashable, CaseIterable {
        /// Plain TCP, by default on port 5672.
        case amqp
        /// TCP with TLS, by default on port 5671.
        case amqps

        /// The port registered for the scheme: 5672 or 5671.
        public var defaultPort: Int {
            switch self {
            case .amqp: 5672
            case .amqps: 5671
            }
        }
    }

    /// The transport of the connection: plain TCP (`amqp`, the default) or TLS (`amqps`).
    public var scheme: Scheme

    /// The name to authenticate as, percent-decoded; `nil` when the URL names none.
    public var user: String?

    /// The password to authenticate with, percent-decoded; `nil` when the URL has none.
    public var password: String?

    /// The host's name or its IP address, an IPv6 address without brackets; `localhost` when the URL names none.
    public var host: String

    /// The TCP port, 0 to 65,535; when listening, 0 means any free port.
    public var port: Int

    /// The AMQP address: the text after the first slash after the host, as written; `nil` if there is no slash.
    public var path: String?

    /// Creates a URL from its parts, none of them percent-encoded.
    ///
    /// - Parameters:
    ///   - scheme: whether TLS is used. Default `amqp`: it is not.
    ///   - user: who logs in; `nil` is nobody.
    ///   - password: the user's; `nil` is none.
    ///   - host: a name or an IP address; an IPv6 address with or without brackets.
    ///   - port: 0 to 65,535; `nil` means the scheme's default port. Any other number is an error when the URL is used.
    ///   - path: the AMQP address, without the slash that separates it from the host in the URL's text.
    public init(
        scheme: Scheme = .amqp, user: String? = nil, password: String? = nil, host: String = "localhost",
        port: Int? = nil, path: String? = nil
    ) {
        self.scheme = scheme
        self.user = user
        self.password = password
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        self.port = port ?? scheme.defaultPort
        self.path = path
    }

    /// Host and port in the form that proton's proactor takes: `host:port`, an IPv6 address without brackets.
    ///
    /// `pn_proactor_connect2` and `pn_proactor_listen` split at the last colon and do not know brackets.
    package var hostAndPort: String {
        "\(host):\(port)"
    }
}

extension AMQPURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The URL's text with `***` for the password, for logs and messages.
    public var description: String {
        var text = scheme.rawValue + "://"
        if user != nil || password != nil {
            text += PercentEncoding.encode(user ?? "")
            text += password == nil ? "@" : ":***@"
        }
        text += host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        text += ":\(port)"
        if let path {
            text += "/\(path)"
        }
        return text
    }

    /// The same as `description`, so that printing a value that contains a URL does not show the password.
    public var debugDescription: String { description }

    /// A mirror without the parts, so that `dump` does not show the password.
    public var customMirror: Mirror { Mirror(self, children: [("url", description)]) }
}
