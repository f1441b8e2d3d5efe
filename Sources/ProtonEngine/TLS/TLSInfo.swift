// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The parameters of a connection's TLS session.
public struct TLSInfo: Sendable {
    /// The protocol version, such as `TLSv1.3`.
    public let version: String
    /// The cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    public let cipher: String
    /// Whether the session of an earlier connection was resumed.
    public let isResumed: Bool
    /// The server name that the client has sent (SNI, RFC 6066, 3); nil if it sent none.
    public let serverName: String?
    /// The peer's certificate; nil if a client has presented none.
    ///
    /// It was verified, unless the client's options disable that.
    public let peerCertificate: TLSPeerCertificate?
}
