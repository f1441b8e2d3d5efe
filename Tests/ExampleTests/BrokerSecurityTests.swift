// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Who may use the program `broker`: users, rules, certificates, and what it does where it is exposed.
@Suite(.serialized)
struct BrokerSecurityTests {
    /// Runs a body with a folder of its own.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("broker-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// Sends a message with Python's binding: URL, user, password, address, folder of certificates.
    private static let sender = """
        import sys
        from proton import Message, SSLDomain
        from proton.utils import BlockingConnection
        url, user, password, address, folder = sys.argv[1:6]
        options = {}
        if url.startswith("amqps"):
            domain = SSLDomain(SSLDomain.MODE_CLIENT)
            domain.set_trusted_ca_db(folder + "/cert.pem")
            domain.set_peer_authentication(SSLDomain.VERIFY_PEER)
            if user == "certificate": domain.set_credentials(folder + "/client.pem", folder + "/client.key", None)
            options["ssl_domain"] = domain
        if password: options.update(user=user, password=password)
        try:
            connection = BlockingConnection(url, timeout=30, reconnect=False, **options)
            connection.create_sender(address).send(Message(body="x"))
            connection.close()
            print("sent")
        except Exception as error:
            print(type(error).__name__, "amqp:unauthorized-access" in str(error))
        """

    private func addUser(_ programs: Programs, _ name: String, _ password: String, _ users: String) async throws
        -> ChildProcess.Record
    {
        let input = users + ".input"
        try write("\(password)\n", to: input)
        return try await programs.start("broker", ["--users", users, "--add-user", name], input: input).waitForEnd()
    }

    @Test("Users log in, and do what rules allow")
    func users() async throws {
        try await withFolder { folder in
            try await withPrograms { programs in
                let (users, rules) = (folder + "/users", folder + "/rules")
                let added = try await addUser(programs, "alice", "secret", users)
                #expect(added.ending == .exited(0) && added.outputText == "\(users): added the user 'alice'\n")
                _ = try await addUser(programs, "bob", "other", users)
                try write("allow alice send,create orders/#\nallow * send,create inbox/${user}\n", to: rules)
                let (broker, address) = try await programs.startBroker("--users", users, "--rules", rules)
                func send(_ user: String, _ password: String, _ node: String) async throws -> String {
                    try await programs.runPython(Self.sender, "amqp://\(address)", user, password, node, folder)
                }
                #expect(try await send("alice", "secret", "orders/1") == "sent\n")
                #expect(try await send("bob", "other", "inbox/bob") == "sent\n")
                #expect(try await send("bob", "other", "orders/1") == "LinkDetached True\n")
                #expect(try await send("alice", "wrong", "orders/1") == "ConnectionException True\n")
                #expect(try await send("nobody", "", "orders/1") == "ConnectionException True\n")
                try await expectSuccess(
                    try programs.start(
                        .swift, "simple_send", "-a", "amqp://alice:secret@\(address)/orders/2", "-m", "1"),
                    confirmed)
                // Users are read again by themselves, rules on SIGHUP.
                _ = try await addUser(programs, "carol", "third", users)
                #expect(try await send("carol", "third", "inbox/carol") == "sent\n")
                for (text, line) in [("allow carol", "rules: line 1: must be: allow"), ("allow bob * #", "new rules")] {
                    try write(text, to: rules)
                    broker.send(SIGHUP)
                    _ = await broker.wait(atMost: .seconds(30)) { $0.errorText.contains(line) }
                }
                #expect(try await send("bob", "other", "orders/1") == "sent\n")
                #expect(try await send("alice", "secret", "orders/1") == "LinkDetached True\n")
                broker.send(SIGTERM)
                let record = try await broker.waitForEnd()
                let log = record.errorText
                #expect(record.ending == .exited(0))
                #expect(log.contains("warning refused what a peer may not do: bob may not send to orders/1."))
                #expect(
                    log.contains("warning refused a log-in: 'alice': wrong user or password (PLAIN) peer=127.0.0.1:"))
                #expect(log.contains("error   goes on with the rules that it has: \(rules): line 1: "))
                #expect(!log.contains("secret") && !log.contains("wrong user or password (PLAIN) password"))
            }
        }
    }

    @Test("TLS beside a port in the clear, and clients known by their certificates")
    func certificates() async throws {
        try await withFolder { folder in
            try await withPrograms { programs in
                let made = try await programs.runPython(Self.certificates, folder)
                #expect(made == "made\n")
                _ = try await addUser(programs, "alice", "secret", folder + "/users")
                let broker = try programs.start(
                    .swift, "broker",
                    [
                        "127.0.0.1:0", "amqps://127.0.0.1:0", "--users", folder + "/users", "--tls-certificate",
                        folder + "/cert.pem", "--tls-key", folder + "/key.pem", "--tls-client-ca", folder + "/ca.pem",
                        "--tls-client-user", "common-name", "--rule", "allow client send,create q", "--rule",
                        "allow alice send,create p",
                    ])
                try await broker.waitForLines(2)
                let lines = broker.record.outputText.split(separator: "\n")
                let urls = lines.compactMap { $0.split(separator: " ").last.map(String.init) }
                try #require(urls.count == 2 && urls[1].hasPrefix("amqps://127.0.0.1:"))
                func send(_ url: String, _ user: String, _ password: String, _ node: String) async throws -> String {
                    try await programs.runPython(Self.sender, url, user, password, node, folder)
                }
                #expect(try await send(urls[1], "certificate", "", "q") == "sent\n")
                #expect(try await send(urls[1], "certificate", "", "p") == "LinkDetached True\n")
                #expect(try await send(urls[1], "alice", "secret", "p") == "sent\n")
                #expect(try await send("amqp://\(urls[0])", "alice", "secret", "p") == "sent\n")
                #expect(try await send(urls[1], "nobody", "", "p").hasPrefix("ConnectionException"))
            }
        }
    }

    /// Makes a certificate of the broker's, an authority, and a client's certificate.
    private static let certificates = """
        import subprocess, sys
        folder = sys.argv[1]
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)
        key = ["-newkey", "rsa:2048", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=broker",
                "-addext", "subjectAltName=IP:127.0.0.1")
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
        openssl("req", *key, "-keyout", "client.key", "-out", "client.csr", "-subj", "/O=Example/CN=client")
        openssl("x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", "client.pem", "-days", "2")
        print("made")
        """

    @Test("Other machines reach it, and it has no users")
    func exposed() async throws {
        try await withPrograms { programs in
            let broker = try programs.start(.swift, "broker", ["0.0.0.0:0"])
            let port = try await programs.address(of: broker).split(separator: ":").last ?? ""
            let warnings = broker.record.errorText.split(separator: "\n")
            #expect(warnings.count == 1)
            #expect(
                warnings.first?.hasSuffix(
                    "warning listens for other machines on 0.0.0.0:\(port): there are no users, so that peers of other "
                        + "machines are refused, and those of this one are not") == true)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "127.0.0.1:\(port)/q", "-m", "1"), confirmed)
        }
    }

    @Test("Users are added and removed")
    func userCommands() async throws {
        try await withFolder { folder in
            try await withPrograms { programs in
                let users = folder + "/users"
                func run(_ arguments: String..., input: String = "") async throws -> (
                    String, String, ChildProcess.Ending?
                ) {
                    try write(input, to: folder + "/input")
                    let record = try await programs.start("broker", arguments, input: folder + "/input").waitForEnd()
                    return (record.outputText, record.errorText, record.ending)
                }
                let first = try await run("--users", users, "--add-user", "alice", input: "one\n")
                #expect(first == ("\(users): added the user 'alice'\n", "", .exited(0)))
                let again = try await run("--users", users, "--add-user", "alice", input: "two")
                #expect(again == ("\(users): the user 'alice' has a new password\n", "", .exited(0)))
                let attributes = try FileManager.default.attributesOfItem(atPath: users)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                let text = try String(contentsOfFile: users, encoding: .utf8)
                #expect(text.contains("alice ") && !text.contains("one") && !text.contains("two"))
                for (arguments, input, problem) in [
                    (["--users", users, "--add-user", "bob"], "", "There was no password on standard input"),
                    (
                        ["--users", users, "--add-user", "bob"], String(repeating: "x", count: 2_000),
                        "at most 1024 bytes"
                    ),
                    (["--users", users, "--add-user", "anonymous"], "x", "take another name"),
                    (["--users", users, "--remove-user", "bob"], "", "there is no user 'bob'"),
                    (["--add-user", "bob"], "x", "Which file of users? Add --users FILE."),
                    (["--users", "/nonexistent/users", "--add-user", "bob"], "x", "/nonexistent/users"),
                    (["--users", users, "--add-user", "a", "--remove-user", "b"], "x", "Give one of"),
                ] {
                    try write(input, to: folder + "/input")
                    let record = try await programs.start("broker", arguments, input: folder + "/input").waitForEnd()
                    #expect(record.errorText.contains(problem), "\(record.errorText)")
                    #expect(record.ending != .exited(0) && record.outputText.isEmpty)
                }
                let removed = try await run("--users", users, "--remove-user", "alice")
                #expect(removed == ("\(users): removed the user 'alice'\n", "", .exited(0)))
            }
        }
    }

    @Test(
        "What is wrong is named",
        arguments: [
            (
                ["--users", "/nonexistent/users"],
                "/nonexistent/users: cannot be read: No such file or directory. To make"
            ),
            (["--rules", "/nonexistent/rules"], "/nonexistent/rules: cannot be read"),
            (["--rule", "allow alice send"], "rule: line 1: must be: allow USER|@GROUP|*"),
            (["--rule", "allow @staff send a"], "rule: line 1: is about the group 'staff', which no line declares"),
            (["--anonymous", "sometimes"], "must be one of on-loopback, never, everywhere"),
            (["--tls-key", "/nonexistent/key"], "are of use with tls-certificate only"),
            (["--tls-certificate", "/nonexistent/cert", "--tls-client-required"], "is of use with tls-client-ca only"),
            (["amqps://127.0.0.1:0"], "To listen on amqps://127.0.0.1:0 a certificate is needed"),
            (["amqps://127.0.0.1:0", "--tls-certificate", "/nonexistent/cert"], "/nonexistent/cert"),
            (["--max-connections-per-user", "0"], "must be a whole number, at least 1"),
        ]) func wrong(arguments: [String], problem: String) async throws
    {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "broker", ["127.0.0.1:0"] + arguments).waitForEnd()
            #expect(record.ending != .exited(0) && record.errorText.contains(problem), "\(record.errorText)")
        }
    }

    @Test("A file of options has them too")
    func file() async throws {
        try await withFolder { folder in
            try await withPrograms { programs in
                let path = folder + "/broker.json"
                try write(
                    """
                    {"anonymous": "everywhere", "rule": ["group staff a", "allow anonymous send,create q"],
                     "clear-passwords": "never", "max-connections-per-host": 10, "max-connections-per-user": 10}
                    """, to: path)
                let (_, address) = try await programs.startBroker("--config", path)
                try await expectSuccess(
                    try programs.start(.swift, "simple_send", "-a", "\(address)/q", "-m", "1"), confirmed)
                for (text, problem) in [
                    (#"{"rule": ["allow a send b", "allow c"]}"#, #""rule[1]" is wrong: rules: line 2: must be"#),
                    (#"{"anonymous": true}"#, #""anonymous" must be a text"#),
                ] {
                    try write(text, to: path)
                    let record = try await programs.start(.swift, "broker", "--config", path).waitForEnd()
                    #expect(record.errorText.contains(problem), "\(record.errorText)")
                }
            }
        }
    }
}
