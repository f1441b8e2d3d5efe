// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestCertificates
import TestPrograms
import Testing

/// The files of Documentation/deploy, by which the broker is run: each is what the program and Debian's tools take.
@Suite(.serialized)
struct DeploymentTests {
    /// The text of a file of Documentation/deploy.
    private static func text(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(
            contentsOf: root.appendingPathComponent("Documentation/deploy/\(name)"), encoding: .utf8)
    }

    /// How the unit starts the broker, with a folder in the place of its credentials and of /etc/broker.
    private static func unitArguments(_ folder: String) throws -> [String] {
        let joined = try text("broker.service").replacingOccurrences(of: "\\\n", with: " ")
        let line = try #require(joined.split(separator: "\n").first { $0.hasPrefix("ExecStart=") })
        let words = line.dropFirst("ExecStart=".count).split(separator: " ").map(String.init)
        #expect(words.first == "/usr/local/bin/broker")
        return words.dropFirst().map { placed($0, folder).replacingOccurrences(of: "%d/", with: folder + "/") }
    }

    /// How the image starts it.
    private static func imageArguments(_ folder: String) throws -> [String] {
        let joined = try text("Containerfile").replacingOccurrences(of: "\\\n", with: " ")
        let line = try #require(joined.split(separator: "\n").first { $0.hasPrefix("CMD ") })
        let words = try JSONDecoder().decode([String].self, from: Data(line.dropFirst("CMD ".count).utf8))
        return words.map { placed($0, folder) }
    }

    private static func placed(_ text: String, _ folder: String) -> String {
        text.replacingOccurrences(of: "/etc/broker/", with: folder + "/")
    }

    /// Has a folder with what the installation puts into /etc/broker.
    private func withFolder(_ programs: Programs, _ body: (String) async throws -> Void) async throws {
        let authority = try TestAuthority()
        let certificate = try authority.issue()
        let folder = temporaryPath()
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? files.removeItem(atPath: folder) }
        for name in ["broker.json", "rules"] {
            try Self.placed(try Self.text(name), folder).write(
                toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        try files.copyItem(atPath: certificate.path, toPath: "\(folder)/server.pem")
        try files.copyItem(atPath: certificate.keyPath, toPath: "\(folder)/server.key")
        try "secret\n".write(toFile: "\(folder)/password", atomically: true, encoding: .utf8)
        let added = try programs.start(
            "broker", ["--users", "\(folder)/users", "--add-user", "shop"], input: "\(folder)/password")
        #expect(try await added.waitForEnd().ending == .exited(0))
        try await body(folder)
    }

    @Test("The program takes the configuration, as the unit and the image start it")
    func check() async throws {
        try await withPrograms { programs in
            try await withFolder(programs) { folder in
                for arguments in [try Self.unitArguments(folder), try Self.imageArguments(folder)] {
                    #expect(arguments.count >= 8)
                    try await expectSuccess(
                        try programs.start(.swift, "broker", arguments + ["--check-config"]),
                        "The configuration can be used.\n")
                }
            }
        }
    }

    @Test("It runs with it, and its users can do what the rules say")
    func run() async throws {
        try await withPrograms { programs in
            try await withFolder(programs) { folder in
                let own = ["127.0.0.1:0", "--store", "\(folder)/messages.sqlite", "--http", "127.0.0.1:0"]
                let broker = try programs.start(.swift, "broker", try Self.unitArguments(folder) + own)
                try await broker.waitForLines(2)
                let words = broker.record.outputText.split(whereSeparator: \.isWhitespace).map(String.init)
                let script = """
                    import sys, urllib.request
                    from proton import Message
                    from proton.utils import BlockingConnection
                    connection = BlockingConnection(sys.argv[1], user="shop", password="secret", timeout=30)
                    connection.create_sender("orders").send(Message(body="x", durable=True))
                    for address in "dead-letters", "other":
                        try: connection.create_sender(address)
                        except Exception as error: print(address, "amqp:unauthorized-access" in str(error))
                    print(urllib.request.urlopen(sys.argv[2] + "/readyz", timeout=10).read().decode().strip())
                    """
                let output = try await programs.runPython(script, words[2], words[5])
                #expect(output == "dead-letters True\nother True\nready\n")
                broker.send(SIGTERM)
                #expect(try await broker.waitForEnd().ending == .exited(0))
            }
        }
    }

    @Test("systemd takes the unit, and finds it well confined")
    func unit() throws {
        let analyze = "/usr/bin/systemd-analyze"
        try #require(FileManager.default.isExecutableFile(atPath: analyze), "Run `scripts/setup.sh test`.")
        let folder = temporaryPath()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/broker.service"
        // The program is not installed where the unit has it.
        let text = try Self.text("broker.service").replacingOccurrences(
            of: "=/usr/local/bin/broker ", with: "=/bin/true ")
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        #expect(try TestProgram.run([analyze, "verify", "--man=no", path]) == "")
        // In tenths: systemd calls up to 2.0 OK.
        try TestProgram.run([analyze, "security", "--offline=true", "--no-pager", "--threshold=20", path])
    }
}
