// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton

/// A broker's TLS port, and the certificates that scripts/interop.sh has made: an authority's, one of its for localhost and
/// 127.0.0.1, one for the user guest, and that of an authority that has signed nothing.
struct Secured: Sendable {
    let peer: Peer

    /// Those that speak TLS.
    static let peers: [Peer] = Peer.running.filter { Secured($0).port != nil }

    init(_ peer: Peer) { self.peer = peer }

    var port: String? {
        ProcessInfo.processInfo.environment["INTEROP_\(peer.rawValue.uppercased().filter { $0 != " " })_TLS"]
    }

    /// The folder of the certificates, with a slash.
    static var folder: String { "\(ProcessInfo.processInfo.environment["INTEROP_CERTIFICATES"] ?? "")/" }

    /// A file of that folder.
    static func file(_ name: String) -> String { "\(folder)\(name).pem" }

    /// The certificate of the user guest.
    static var guest: TLSCertificate { TLSCertificate(file: file("guest"), keyFile: file("guest-key")) }

    /// Connects once, trusting an authority.
    func connect(
        user: String? = nil, host: String = "localhost", _ mechanism: String, authority: String = "authority",
        _ change: (inout TLSClientOptions) -> Void = { _ in }
    ) throws -> BlockingConnection {
        var tls = TLSClientOptions(trust: .file(Secured.file(authority)))
        change(&tls)
        let options = ConnectionOptions(allowedMechanisms: [mechanism], tls: tls, reconnect: nil)
        return try BlockingConnection(
            "amqps://\(user.map { "\($0)@" } ?? "")\(host):\(port ?? "")", timeout: .seconds(10), options: options)
    }

    /// Sends a message over a connection and takes it.
    func exchange(_ connection: BlockingConnection) throws {
        let queue = try peer.newQueue()
        try connection.createSender(queue).send(Message(body: "secret"))
        let body = try connection.createReceiver(queue).take().body
        try require(body == "secret", "the message comes as \(body)")
        try connection.close()
    }

    /// Makes sure that a try to connect fails, and why.
    func refuses(_ code: ProtonError.Code, _ connect: () throws -> BlockingConnection) throws -> String {
        do {
            try connect().close()
        } catch let error as ProtonError where error.code == code {
            return ""
        }
        throw Lacking("the connection is made")
    }
}

extension Feature {
    /// TLS, and who may log in, on brokers that speak it.
    static let security: [Feature] = [
        secured("TLS: PLAIN") { broker in try broker.exchange(broker.connect(user: "guest:guest", "PLAIN")) },
        secured("TLS: EXTERNAL, with a certificate") { broker in
            try broker.exchange(broker.connect("EXTERNAL") { $0.certificate = Secured.guest })
        },
        secured("TLS: ANONYMOUS") { broker in try broker.exchange(broker.connect("ANONYMOUS")) },
        secured("TLS: the address 127.0.0.1 among the certificate's names") { broker in
            try broker.exchange(broker.connect(user: "guest:guest", host: "127.0.0.1", "PLAIN"))
        },
        secured("TLS: TLS 1.2 and no less") { broker in
            try broker.exchange(broker.connect(user: "guest:guest", "PLAIN") { $0.minimumVersion = .tls12 })
        },
        secured("TLS: another authority is not trusted") { broker in
            _ = try broker.refuses(.tlsFailed) {
                try broker.connect(user: "guest:guest", "PLAIN", authority: "stranger")
            }
        },
        secured("TLS: a certificate for another name") { broker in
            _ = try broker.refuses(.tlsFailed) {
                try broker.connect(user: "guest:guest", "PLAIN") { $0.serverName = "other.example" }
            }
        },
        secured("a wrong password") { broker in
            _ = try broker.refuses(.authenticationFailed) { try broker.connect(user: "guest:wrong", "PLAIN") }
        },
        secured("a mechanism that is not offered") { broker in
            _ = try broker.refuses(.authenticationFailed) { try broker.connect("SCRAM-SHA-512") }
        },
    ]

    private static func secured(_ name: String, _ check: @escaping @Sendable (Secured) throws -> Void) -> Feature {
        Feature(name, needed: .all) { peer in
            try check(Secured(peer))
            return ""
        }
    }
}
