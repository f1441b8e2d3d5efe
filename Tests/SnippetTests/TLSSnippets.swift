// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of TLS.md, compiled: each as it is in the article, in what it needs around it.
enum TLSSnippets {
    struct ConnectOverTLS {
        func connect() throws -> AMQPClient {
            try AMQPClient("amqps://broker.example.com")
        }

        func connect(_ container: Container) throws {
            try container.connect("amqps://broker.example.com")
        }
    }

    struct TrustAnAuthorityOfYourOwn {
        func trustOwnAuthority() -> ConnectionOptions {
            ConnectionOptions(tls: TLSClientOptions(trust: .file("ca.pem")))
        }
    }

    struct SeeWhatWasAgreed {
        final class ShowTLS: MessagingHandler {
            func onConnectionOpened(_ event: ConnectionEvent) {
                guard let tls = event.transport?.tls else { return }
                print(tls.version, tls.cipher, tls.peerCertificate?.subject ?? "no certificate")
            }
        }
    }

    struct ListenOverTLS {
        func listen(_ container: Container) throws {
            let certificate = TLSCertificate(file: "broker.pem", keyFile: "broker.key")
            try container.listen("amqps://0.0.0.0", tls: TLSServerOptions(certificate: certificate))
        }
    }

    struct AskClientsForACertificate {
        func listenToKnownClients(_ container: Container) throws {
            var tls = TLSServerOptions(certificate: TLSCertificate(file: "broker.pem", keyFile: "broker.key"))
            tls.clientCertificates = .required(.file("clients.pem"))
            tls.userName = .commonName
            try container.listen("amqps://0.0.0.0", tls: tls)
        }
    }
}
