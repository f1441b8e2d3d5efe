// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import ProtonBroker
import ProtonTesting
import TestPrograms
import Testing

/// `amqp trace`, with Python's client and Python's broker.
@Suite(.timeLimit(.minutes(2)))
struct TraceTests {
    /// Starts a proxy that ends with its first connection.
    /// - Returns: the program, whose errors are part of its output, and the proxy's address.
    private func start(_ tool: Tool, to address: String, _ arguments: String...) throws -> (TestProgram, String) {
        let command = [try Tool.path, "trace", "--listen", "127.0.0.1:0", "--to", address, "--connections", "1"]
        let program = try TestProgram(["/usr/bin/env", "-C", tool.folder] + command + arguments, errors: .output)
        try program.read(until: "listening on ")
        let proxy = try program.read(until: ",")
        try program.read(until: "\n")
        return (program, proxy)
    }

    @Test func framesAreLinesAndPacketsOfACapture() throws {
        let broker = try PythonBroker()
        let tool = try Tool()
        let (tracing, proxy) = try start(tool, to: broker.address, "--pcap", "x.pcap")
        let received = try python(
            proxy,
            """
            connection.create_sender("q").send(Message(body="Hello World!"))
            receiver = connection.create_receiver("q")
            print(receiver.receive().body)
            receiver.accept()
            """)
        #expect(received == "Hello World!\n")
        let output = tracing.readToEnd()
        #expect(tracing.waitForEnd() == .exited(0), "\(output)")
        for part in [
            "-> SASL", "<- AMQP", "-> @open(16)", "<- @attach(18)", "-> @transfer(20)", "Hello World!", "<- @close(24)",
        ] {
            #expect(output.contains(part), "no \(part) in \(output)")
        }
        let frames = output.split(separator: "\n").filter { !$0.hasPrefix("amqp trace: ") }
        #expect(frames.count > 10 && frames.allSatisfy { $0.contains(#/^[0-9:.]{15} 1 /#) })

        let capture = try Data(contentsOf: URL(filePath: "\(tool.folder)/x.pcap"))
        #expect(capture.prefix(4) == Data([0xd4, 0xc3, 0xb2, 0xa1]), "the magic number of a capture in microseconds")
        #expect(capture.range(of: Data("Hello World!".utf8)) != nil)
        let mode = try FileManager.default.attributesOfItem(atPath: "\(tool.folder)/x.pcap")[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    /// Anybody with the password `open-sesame`.
    private struct Users: Authenticator {
        let mechanisms: Set<SASLMechanism> = [.plain]

        func verify(_ login: PasswordLogin) async throws -> Bool { login.password == "open-sesame" }
        func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? { nil }
    }

    @Test func aLogInIsNotPrinted() throws {
        var options = BrokerOptions()
        options.users = Users()
        try withBroker(options: options) { broker in
            let tool = try Tool(environment: ["AMQP_PASSWORD=open-sesame"])
            let (tracing, proxy) = try start(tool, to: broker.address)
            let run = try tool.run("send", "--url", "amqp://\(proxy)", "--user", "ali", "q", "x")
            expectDone(run, "", errors: "1 accepted\n")
            let trace = tracing.readToEnd()
            #expect(trace.contains("@sasl-init(65) [mechanism=:PLAIN, …]"))
            #expect(!trace.contains("open-sesame"))
        }
    }

    @Test func bytesThatAreNoAMQPArePassedOnAndSaid() throws {
        let broker = try PythonBroker()
        let tool = try Tool()
        let (tracing, proxy) = try start(tool, to: broker.address)
        let port = try #require(proxy.split(separator: ":").last.map(String.init))
        _ = try TestProgram.run([
            "/usr/bin/python3", "-c",
            """
            import socket, sys
            with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
                s.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
                s.shutdown(socket.SHUT_WR)
                while s.recv(1000): pass
            """, port,
        ])
        #expect(tracing.readToEnd().contains("-> no AMQP frame: nothing more is printed of this side"))
    }

    @Test func aBrokerThatIsNotThereIsSaid() throws {
        let tool = try Tool()
        let (tracing, proxy) = try start(tool, to: "127.0.0.1:1")
        #expect(try tool.run("send", "--url", "amqp://\(proxy)", "q", "x").ending == .exited(2))
        #expect(tracing.readToEnd().contains("connection 1 was closed: Cannot connect to 127.0.0.1:1"))
    }

    @Test func whatIsWrongIsSaid() throws {
        let tool = try Tool()
        expectFailure(try tool.run("trace", "--to", "amqps://broker.example"), 64, "TLS cannot be looked into")
        expectFailure(try tool.run("trace", "--to", "a:b:c"), 64, "--to is HOST:PORT")
        expectFailure(
            try tool.run("trace", "--listen", "127.0.0.1:0", "--pcap", "/nowhere/x.pcap"), 1, "cannot be written")
    }
}
