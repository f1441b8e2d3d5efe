// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the TLS of a connection has come to.
public struct TLSInfo: Sendable {
    /// The version that is spoken, such as `TLSv1.3`.
    public let version: String
    /// The cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    public let cipher: String
    /// Whether the connection goes on with the keys of an earlier one.
    public let isResumed: Bool
    /// The name that the client has told the server it wants to reach (SNI, RFC 6066, 3); nil where it told none.
    public let serverName: String?
    /// The peer's certificate; nil of a client that has shown none.
    ///
    /// It is verified unless the client's options say otherwise.
    public let peerCertificate: TLSPeerCertificate?
}
