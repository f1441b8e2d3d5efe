// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The hash of a SCRAM mechanism (RFC 5802, RFC 7677).
public enum SCRAMHash: String, Sendable, CaseIterable, Comparable {
    /// SHA-1, for peers that support no other: SCRAM-SHA-1 (RFC 5802).
    case sha1
    /// SHA-256: SCRAM-SHA-256 (RFC 7677).
    case sha256
    /// SHA-512: SCRAM-SHA-512.
    case sha512

    /// The length of a hash in bytes: 20, 32 or 64.
    public var size: Int {
        switch self {
        case .sha1: 20
        case .sha256: 32
        case .sha512: 64
        }
    }

    /// The mechanism that uses the hash.
    public var mechanism: SASLMechanism {
        switch self {
        case .sha1: .scramSHA1
        case .sha256: .scramSHA256
        case .sha512: .scramSHA512
        }
    }

    /// Orders hashes by their strength.
    public static func < (one: SCRAMHash, other: SCRAMHash) -> Bool { one.size < other.size }
}
