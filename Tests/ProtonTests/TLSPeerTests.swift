// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Proton
import ProtonTesting
import TestCertificates
import TestPrograms
import Testing

/// TLS with peers that are not ours, and through the other ways to connect.
@Suite(.timeLimit(.minutes(1)))
struct TLSPeerTests {
    private static let authority = Result { try TestAuthority() }

    private static func issued(_ file: String = "server") throws -> TLSCertificate {
        let issued = try authority.get().issue(file)
        return TLSCertificate(file: issued.path, keyFile: issued.keyPath)
    }

    private static func trust() throws -> TLSTrust { .file(try authority.get().own.path) }

    /// Runs a program that connects to a TLS listener of ours, until it has ended.
    /// - Parameter arguments: of the port and the path of the authority's certificate.
    /// - Returns: what it has printed, and what the listener's handler was told.
    private static func run(
        _ path: String, input: String = "", _ server: TLSServerOptions, _ handler: Scripted = Scripted("server"),
        _ arguments: @escaping (Int, String) -> [String]
    ) throws -> (String, isGood: Bool) {
        defer { handler.forget() }
        let trusted = try authority.get().own.path
        var program: TestProgram?
        handler.on("onStart") { (event: ContainerEvent) in
            let listener = try event.container.listen("amqps://127.0.0.1:0", tls: server)
            let started = try TestProgram(
                [path] + arguments(listener.port ?? 0, trusted), input: .open, errors: .output)
            // Where there is something to read, it ends with the connection and not with that.
            if input.isEmpty { started.closeInput() } else { started.write(input) }
            program = started
            // The end of the program's connection is the end of the container's work.
            handler.on("onTransportClosed") { (_: TransportEvent) in listener.close() }
        }
        var options = ConnectionOptions.once
        // One that is no client of AMQP stays for as long.
        options.limits.handshakeTimeout = .seconds(5)
        try Container(handler, options: options).run()
        guard let program else { throw TestError("The container has not started.") }
        return (program.readToEnd(), program.waitForEnd() == .exited(0))
    }

    // MARK: OpenSSL

    @Test func opensslsClientVerifiesOurListener() async throws {
        let said = try await onThread {
            let alice = try Self.authority.get().issue("openssl-client", subject: "/CN=alice", names: [])
            let server = TLSServerOptions(
                certificate: try Self.issued("for-openssl"), clientCertificates: .required(try Self.trust()))
            // The header of SASL is answered; then the client is gone.
            return try Self.run("/usr/bin/openssl", input: "AMQP\u{3}\u{1}\0\0", server) { port, trusted in
                [
                    "s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", trusted, "-verify_return_error",
                    "-verify_hostname", "localhost", "-servername", "localhost", "-cert", alice.path, "-key",
                    alice.keyPath,
                ]
            }.0
        }
        #expect(said.contains("Verify return code: 0 (ok)"), "\(said)")
        #expect(said.contains("AMQP\u{3}\u{1}") && said.contains("EXTERNAL"), "\(said)")
    }

    /// A listener of `openssl s_server` wants a certificate: TLS 1.3 says so after the client's handshake.
    @Test func opensslsServerWantsACertificate() async throws {
        let error = try await onThread {
            let issued = try Self.authority.get().issue("wanting")
            let peer = try OpenSSLPeer([
                "-cert", issued.path, "-key", issued.keyPath, "-CAfile", try Self.authority.get().own.path, "-Verify",
                "1",
                "-verify_return_error",
            ])
            let options = ConnectionOptions(tls: TLSClientOptions(trust: try Self.trust()), reconnect: Backoff())
            return #expect(throws: ProtonError.self) {
                try Container(Plain { try $0.container.connect("amqps://localhost:\(peer.port)", options: options) })
                    .run()
            }
        }
        #expect(error?.code == .tlsFailed)
        #expect(error?.message.contains("wants a certificate of this program") == true, "\(error?.message ?? "none")")
    }

    // MARK: Python

    private static let imports = """
        import sys
        from proton import *
        from proton.handlers import MessagingHandler
        from proton.reactor import Container

        """

    @Test func pythonsClientWithACertificate() async throws {
        let (said, user) = try await onThread {
            let handler = Scripted("server")
            var user: String?
            handler.on("onConnectionOpening") { (event: ConnectionEvent) in user = event.connection.user }
            let bob = try Self.authority.get().issue("bob", subject: "/O=Example/CN=bob", names: [])
            let server = TLSServerOptions(
                certificate: try Self.issued("for-python"), clientCertificates: .required(try Self.trust()),
                userName: .commonName)
            let program =
                Self.imports + """
                    class Client(MessagingHandler):
                        def on_start(self, event):
                            domain = SSLDomain(SSLDomain.MODE_CLIENT)
                            domain.set_trusted_ca_db(sys.argv[2])
                            domain.set_credentials(sys.argv[3], sys.argv[4], None)
                            domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
                            event.container.connect("amqps://localhost:" + sys.argv[1], ssl_domain=domain,
                                                    allowed_mechs="EXTERNAL", reconnect=False)
                        def on_connection_opened(self, event):
                            ssl = SSL(event.transport, None)
                            print(ssl.protocol_name(), ssl.remote_subject)
                            event.connection.close()
                        def on_transport_error(self, event):
                            print(event.transport.condition)
                    Container(Client()).run()
                    """
            let (said, _) = try Self.run("/usr/bin/python3", server, handler) { port, trusted in
                ["-c", program, "\(port)", trusted, bob.path, bob.keyPath]
            }
            return (said, user)
        }
        #expect(said == "TLSv1.3 CN=server,O=Example\n")
        #expect(user == "bob")
    }

    @Test func pythonsListener() async throws {
        let (info, isRefused) = try await onThread {
            let issued = try Self.authority.get().issue("python-server")
            let script =
                Self.imports + """
                    import socket
                    class Server(MessagingHandler):
                        def on_start(self, event):
                            s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]; s.close()
                            domain = SSLDomain(SSLDomain.MODE_SERVER)
                            domain.set_credentials(sys.argv[1], sys.argv[2], None)
                            event.container.listen("amqps://127.0.0.1:%d" % port, ssl_domain=domain)
                            print(port, flush=True)
                    Container(Server()).run()
                    """
            let program = try TestProgram(["/usr/bin/python3", "-c", script, issued.path, issued.keyPath])
            defer { program.end() }
            let port = program.readLine() ?? ""
            var info: TLSInfo?
            func connect(_ options: TLSClientOptions) throws {
                let client = Scripted("client")
                defer { client.forget() }
                client.on("onStart") { (event: ContainerEvent) in
                    try event.container.connect(
                        "amqps://localhost:\(port)", options: ConnectionOptions(tls: options, reconnect: nil))
                }
                client.on("onConnectionOpened") { (event: ConnectionEvent) in
                    info = event.transport?.tls
                    event.connection.close()
                }
                try Container(client).run()
            }
            try connect(TLSClientOptions(trust: Self.trust()))
            let seen = info
            info = nil
            try connect(TLSClientOptions())
            return (seen, info == nil)
        }
        #expect(info?.peerCertificate?.subjectAlternativeNames == [.dns("localhost"), .ip("127.0.0.1")])
        #expect(isRefused)
    }

    // MARK: Other ways to connect

    @Test func theBlockingAPI() async throws {
        let (answer, message) = try await onThread {
            let server = try BlockingServer(tls: TLSServerOptions(certificate: try Self.issued("blocking"))) {
                EchoServer()
            }
            let url = "amqps://localhost:\(server.port)"
            let options = ConnectionOptions(tls: TLSClientOptions(trust: try Self.trust()), reconnect: nil)
            let connection = try BlockingConnection(url, options: options)
            let request = try SyncRequestResponse(connection, "echo")
            let answer = try request.call(Message(body: "over TLS")).body
            try connection.close()
            let error = #expect(throws: ProtonError.self) { try BlockingConnection(url) }
            try server.stop()
            return ("\(answer)", error?.code == .tlsFailed ? error?.message : nil)
        }
        #expect(answer.contains("over TLS"))
        #expect(message?.contains("which is not trusted") == true, "\(message ?? "none")")
    }

    @Test func aConnectionThatIsMadeAgainGoesOnWithItsSession() async throws {
        let (resumed, errors) = try await onThread {
            let (server, client) = (Scripted("server"), Scripted("client"))
            defer {
                server.forget()
                client.forget()
            }
            var (resumed, errors): ([Bool?], [ProtonError.Code?]) = ([], [])
            let tls = TLSServerOptions(certificate: try Self.issued("again"))
            let options = TLSClientOptions(trust: try Self.trust())
            server.on("onStart") { (event: ContainerEvent) in
                let listener = try event.container.listen("amqps://127.0.0.1:0", tls: tls)
                var quick = ConnectionOptions.quick
                quick.tls = options
                try event.container.connect("amqps://localhost:\(listener.port ?? 0)", handler: client, options: quick)
            }
            client.on("onTransportError") { (event: TransportEvent) in errors.append(event.error?.code) }
            client.on("onConnectionOpened") { (event: ConnectionEvent) in
                resumed.append(event.transport?.tls?.isResumed)
                if resumed.count == 1 {
                    try event.container.createSender(event.connection, "lose me")
                } else {
                    event.container.stop()
                }
            }
            // The peer goes away once, without a word, of TLS or of AMQP.
            server.on("onLinkOpening") { (event: LinkEvent) in
                if resumed.count == 1, errors.isEmpty { event.connection.abort() }
            }
            try Container(server, options: .once).run()
            return (resumed, errors)
        }
        #expect(resumed == [false, true])
        #expect(errors == [.disconnected])
    }
}
