// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import ProtonBroker
import ProtonTesting
import TestPrograms
import Testing

/// What the program asks and shows at a terminal, which `script` makes.
@Suite(.serialized)
struct TerminalTests {
    /// Starts the program at a terminal.
    private func start(_ broker: Broker, _ arguments: String) throws -> TestProgram {
        try TestProgram(
            [
                "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", "AMQP_URL=\(broker.address)",
                "/usr/bin/script", "-qec", "\(try Tool.path) \(arguments)", "/dev/null",
            ], input: .open)
    }

    @Test("A password is asked for, and not shown")
    func password() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let users = try UserFile(path: "\(folder)/users")
        try users.set("anna", password: "secret")
        var options = BrokerOptions()
        options.users = users
        try withBroker(options: options) { broker in
            let send = try start(broker, "send q x --user anna")
            try send.read(until: "Password of anna at \(broker.address): ")
            send.write("secret\n")
            let text = send.readToEnd()
            #expect(text.contains("1 accepted"), "\(text)")
            #expect(!text.contains("secret"))
            #expect(send.waitForEnd() == .exited(0))
        }
    }

    @Test("Purging asks first", arguments: [("y", 0), ("n", 1)] as [(String, Int32)])
    func purge(answer: String, code: Int32) throws {
        try withBroker { broker in
            expectDone(try Tool(broker.address).run("send", "q", "x"), "")
            let purge = try start(broker, "purge q")
            try purge.read(until: "Take away all messages of q at \(broker.address)? [y/N] ")
            purge.write("\(answer)\n")
            purge.readToEnd()
            #expect(purge.waitForEnd() == .exited(code))
            #expect(broker.status.queue("q")?.waiting ?? 0 == Int(code))
        }
    }

    @Test("Long work shows how far it is, and leaves no trace of that")
    func progress() throws {
        try withBroker { broker in
            let send = try start(broker, "send q x --count 30 --rate 15")
            let text = send.readToEnd()
            #expect(text.contains(" of 30 sent\u{1b}[K"), "\(text)")
            #expect(text.hasSuffix("\r\u{1b}[K30 accepted\r\n"), "\(text)")
        }
    }
}
