// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The name of a SASL mechanism: up to 20 capital letters, digits, hyphens and underscores (RFC 4422, 3.1).
public struct SASLMechanism: RawRepresentable, Hashable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    /// The name, in capital letters.
    public let rawValue: String

    /// Creates a mechanism from its name; lower-case letters become upper case.
    public init(rawValue: String) { self.rawValue = rawValue.uppercased() }

    /// Creates a mechanism from its name.
    public init(stringLiteral name: String) { self.init(rawValue: name) }

    /// No authentication; the trace information, which is the user name if there is one, has no meaning (RFC 4505).
    public static let anonymous: SASLMechanism = "ANONYMOUS"
    /// The identity that TLS has verified by the peer's certificate (RFC 4422, appendix A).
    public static let external: SASLMechanism = "EXTERNAL"
    /// User name and password in plaintext (RFC 4616).
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

    /// The name, or a note that it is invalid, because it may be a peer's text.
    public var description: String { isValid ? rawValue : "(no valid name)" }

    /// Whether the standard allows the name.
    public var isValid: Bool {
        (1...20).contains(rawValue.utf8.count)
            && rawValue.utf8.allSatisfy { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
