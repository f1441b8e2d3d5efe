// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The name of a SASL mechanism: up to 20 capital letters, digits, hyphens and underscores (RFC 4422, 3.1).
public struct SASLMechanism: RawRepresentable, Hashable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    /// The name, in capital letters.
    public let rawValue: String

    /// Takes a name; small letters become capital ones.
    public init(rawValue: String) { self.rawValue = rawValue.uppercased() }

    /// Takes a name.
    public init(stringLiteral name: String) { self.init(rawValue: name) }

    /// No log-in; the text that goes with it, the user's name if there is one, means nothing (RFC 4505).
    public static let anonymous: SASLMechanism = "ANONYMOUS"
    /// Who the peer is, TLS has found out by its certificate (RFC 4422, appendix A).
    public static let external: SASLMechanism = "EXTERNAL"
    /// User and password as they are (RFC 4616).
    public static let plain: SASLMechanism = "PLAIN"
    /// A password that is not sent, with SHA-1 (RFC 5802).
    public static let scramSHA1: SASLMechanism = "SCRAM-SHA-1"
    /// A password that is not sent, with SHA-256 (RFC 7677).
    public static let scramSHA256: SASLMechanism = "SCRAM-SHA-256"
    /// A password that is not sent, with SHA-512.
    public static let scramSHA512: SASLMechanism = "SCRAM-SHA-512"
    /// A token of OAuth 2.0 (RFC 7628).
    public static let oauthBearer: SASLMechanism = "OAUTHBEARER"
    /// A token of OAuth 2.0, as Google's and Microsoft's servers took it before RFC 7628.
    public static let xoauth2: SASLMechanism = "XOAUTH2"

    /// The name, or a note that it is none: it may be a peer's text.
    public var description: String { isValid ? rawValue : "(no valid name)" }

    /// Whether it is a name that the standard allows.
    public var isValid: Bool {
        (1...20).contains(rawValue.utf8.count)
            && rawValue.utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
