// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A certificate with its private key, by which a peer shows who it is.
///
/// Neither the key nor its password appears in a description, a mirror or a dump.
public struct TLSCertificate: Sendable, Hashable {
    enum Source: Sendable, Hashable {
        case files(chain: String, key: String)
        case texts(chain: String, key: String)
    }

    let source: Source
    let password: String?

    /// A certificate in files.
    /// - Parameters:
    ///   - file: the certificate in PEM, and after it those of the authorities between it and the one that is trusted.
    ///   - keyFile: the private key in PEM; nil is the file of the certificate.
    ///   - password: what the key is encrypted with; nil where it is not.
    public init(file: String, keyFile: String? = nil, password: String? = nil) {
        source = .files(chain: file, key: keyFile ?? file)
        self.password = password
    }

    /// A certificate in texts, of a store of secrets for instance: nothing of it is written to a file.
    /// - Parameters:
    ///   - pem: the certificate in PEM, and after it those of the authorities between it and the one that is trusted.
    ///   - key: the private key in PEM; nil is the text of the certificate.
    ///   - password: what the key is encrypted with; nil where it is not.
    public init(pem: String, key: String? = nil, password: String? = nil) {
        source = .texts(chain: pem, key: key ?? pem)
        self.password = password
    }

    /// The files whose change is noticed.
    var paths: [String] {
        switch source {
        case .files(let chain, let key): chain == key ? [chain] : [chain, key]
        case .texts: []
        }
    }
}

extension TLSCertificate: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The certificate's file, or that it is in memory; nothing of the key.
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
