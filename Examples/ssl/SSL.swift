// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// What the client wants to know of the server.
enum Verification: String, ExpressibleByArgument, CaseIterable {
    /// Its certificate and its name: what one wants.
    case full
    /// Its certificate only.
    case noname
    /// A name that it does not have, to see it fail.
    case fail
}

/// Listens with a certificate, and has a client connect to it.
final class Server: MessagingHandler {
    let folder: String
    let verification: Verification
    var listener: Listener?

    init(_ folder: String, _ verification: Verification) {
        (self.folder, self.verification) = (folder, verification)
    }

    func onStart(_ event: ContainerEvent) throws {
        let certificate = TLSCertificate(
            file: "\(folder)/tserver-certificate.pem", keyFile: "\(folder)/tserver-private-key.pem",
            password: "tserverpw")
        let listener = try event.container.listen(
            "amqps://localhost:0", tls: TLSServerOptions(certificate: certificate))
        self.listener = listener

        // The server's certificate is signed by itself: it is the authority too.
        var tls = TLSClientOptions(trust: .file("\(folder)/tserver-certificate.pem"))
        switch verification {
        // Of no need where the certificate is for the host of the URL.
        case .full: tls.serverName = "test_server"
        case .noname: tls.verification = .insecureAnyName
        case .fail: tls.serverName = "wrong_name_for_server"
        }
        let connection = try event.container.connect(
            "amqps://localhost:\(listener.port ?? 0)", handler: HelloWorld(verification),
            options: ConnectionOptions(tls: tls, reconnect: nil))
        try event.container.createSender(connection, "example")
    }

    func onConnectionOpening(_ event: ConnectionEvent) {
        print("Inbound server connection connected via SSL.  Protocol: \(event.transport?.tls?.version ?? "")")
        // Just the one connection is expected.
        listener?.close()
    }

    func onTransportError(_ event: TransportEvent) {
        listener?.close()
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
    }
}

/// Sends a greeting over TLS.
final class HelloWorld: MessagingHandler {
    let verification: Verification

    init(_ verification: Verification) {
        self.verification = verification
    }

    func onConnectionOpened(_ event: ConnectionEvent) {
        let name = event.transport?.tls?.peerCertificate?.commonName ?? ""
        print("Outgoing client connection connected via SSL.  Server certificate identity CN=\(name)")
    }

    func onTransportError(_ event: TransportEvent) throws {
        guard let error = event.error else { return }
        guard verification == .fail, error.code == .tlsFailed else { throw error }
        print("Expected failure of connection with wrong peer name: \(error)")
    }

    func onSendable(_ event: SenderEvent) throws {
        try event.sender.send(Message(body: "Hello World!"))
        event.sender.close()
    }

    func onAccepted(_ event: DeliveryEvent) {
        event.connection.close()
    }
}

@main
struct Program: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssl", abstract: "Send a message to this program itself over TLS.",
        discussion: "scripts/example-certificates.sh makes the certificates.")

    @Option(
        name: [.customShort("c"), .customLong("cert_directory")],
        help: "directory containing SSL certificates and private key information")
    var certDirectory = "ssl-certs"

    @Option(name: .shortAndLong, help: "what is verified of the server")
    var verify = Verification.full

    func run() throws {
        try Container(Server(certDirectory, verify)).run(stoppingOn: .interrupt, .terminate)
    }
}
