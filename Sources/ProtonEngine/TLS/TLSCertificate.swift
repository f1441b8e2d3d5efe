// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A certificate with its private key, which identifies this side to its peer.
///
/// Neither the key nor its password appears in a description, a mirror or a dump.
public struct TLSCertificate: Sendable, Hashable {
    enum Source: Sendable, Hashable {
        case files(chain: String, key: String)
        case texts(chain: String, key: String)
    }

    let source: Source
    let password: String?

    /// Creates a certificate from files.
    /// - Parameters:
    ///   - file: the certificate in PEM, followed by the intermediate certificates up to the trusted authority.
    ///   - keyFile: the private key in PEM; nil means that it is in the file of the certificate.
    ///   - password: the password of the encrypted key; nil if it is not encrypted.
    public init(file: String, keyFile: String? = nil, password: String? = nil) {
        source = .files(chain: file, key: keyFile ?? file)
        self.password = password
    }

    /// Creates a certificate from texts, for example from a store of secrets; nothing is written to a file.
    /// - Parameters:
    ///   - pem: the certificate in PEM, followed by the intermediate certificates up to the trusted authority.
    ///   - key: the private key in PEM; nil means that it is in the text of the certificate.
    ///   - password: the password of the encrypted key; nil if it is not encrypted.
    public init(pem: String, key: String? = nil, password: String? = nil) {
        source = .texts(chain: pem, key: key ?? pem)
        self.password = password
    }

    /// The files that are checked for changes.
    var paths: [String] {
        switch source {
        case .files(let chain, let key): chain == key ? [chain] : [chain, key]
        case .texts: []
        }
    }
}

extension TLSCertificate: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The certificate's file, or a note that it is in memory; nothing of the key.
    public var description: String {
        switch source {
        case .files(let chain, _): "TLSCertificate(\(chain))"
        case .texts: "TLSCertificate(in memory)"
        }
    }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// A mirror without the key and its password.
    public var customMirror: Mirror { Mirror(self, children: [("certificate", description)]) }
}
