// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

extension TLSCertificate {
    /// One of the certificates in a folder, whose key is encrypted.
    init(_ name: String, in folder: String) {
        self.init(
            file: "\(folder)/\(name)-certificate.pem", keyFile: "\(folder)/\(name)-private-key.pem",
            password: "\(name)pw")
    }
}

/// Listens, has its client show a certificate, and logs it in as the certificate says.
final class Server: MessagingHandler {
    let folder: String
    var listener: Listener?

    init(_ folder: String) {
        self.folder = folder
    }

    func onStart(_ event: ContainerEvent) throws {
        // The certificates are signed by themselves: each is the authority of its own too.
        let server = TLSServerOptions(
            certificate: TLSCertificate("tserver", in: folder),
            clientCertificates: .required(.file("\(folder)/tclient-certificate.pem")))
        let listener = try event.container.listen(
            "amqps://localhost:0", options: ConnectionOptions(allowedMechanisms: ["EXTERNAL"]), tls: server)
        self.listener = listener

        let client = TLSClientOptions(
            trust: .file("\(folder)/tserver-certificate.pem"), certificate: TLSCertificate("tclient", in: folder),
            serverName: "test_server")
        let connection = try event.container.connect(
            "amqps://localhost:\(listener.port ?? 0)", handler: HelloWorld(),
            options: ConnectionOptions(allowedMechanisms: ["EXTERNAL"], tls: client, reconnect: nil))
        try event.container.createSender(connection, "example")
    }

    func onConnectionOpening(_ event: ConnectionEvent) {
        let tls = event.transport?.tls
        print("Inbound server connection connected via SSL.  Protocol: \(tls?.version ?? "")")
        print("Inbound client certificate identity CN=\(tls?.peerCertificate?.commonName ?? "")")
        listener?.close()
    }

    func onTransportError(_ event: TransportEvent) {
        listener?.close()
    }

    func onMessage(_ event: MessageEvent) {
        print(event.message.body)
    }
}

/// Sends a greeting over TLS, with a certificate in the place of a password.
final class HelloWorld: MessagingHandler {
    func onConnectionOpened(_ event: ConnectionEvent) {
        let name = event.transport?.tls?.peerCertificate?.commonName ?? ""
        print("Outgoing client connection connected via SSL.  Server certificate identity CN=\(name)")
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
        commandName: "ssl_client_cert",
        abstract: "Send a message to this program itself, which knows its client by a certificate.",
        discussion: "scripts/example-certificates.sh makes the certificates.")

    @Argument(help: "directory containing SSL certificates and private key information")
    var directory = "ssl-certs"

    func run() throws {
        try Container(Server(directory)).run(stoppingOn: .interrupt, .terminate)
    }
}
