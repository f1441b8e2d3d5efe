// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// Records on their way from one SQLite database to another, by `db_send` and `db_recv`.
@Suite(.serialized)
struct DatabaseTests {
    /// Swift on one side at least.
    static let triples: [(broker: Language, sender: Language, receiver: Language)] = [
        (.swift, .swift, .swift), (.python, .swift, .swift), (.swift, .swift, .python), (.swift, .python, .swift),
        (.python, .swift, .python), (.python, .python, .swift),
    ]

    @Test("db_send to db_recv, and db_ctrl", arguments: triples)
    func sendAndReceive(broker: Language, sender: Language, receiver: Language) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("records-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            func run(_ language: Language, _ name: String, _ arguments: String..., input: String = "") throws
                -> ChildProcess
            {
                try programs.start(language, name, arguments, in: folder.path, input: input)
            }
            let lines = (1...100).map { "Message-\($0)\n" }.joined()
            try await expectSuccess(try run(sender, "db_ctrl", "init", "src_db"), "")
            try await expectSuccess(try run(receiver, "db_ctrl", "init", "dst_db"), "")
            try await expectSuccess(try run(sender, "db_ctrl", "insert", "src_db", input: lines), "")
            let recv = try run(receiver, "db_recv", "-a", "\(address)/records", "-m", "100")
            let send = try run(sender, "db_send", "-a", "\(address)/records", "-m", "100")
            try await expectSuccess(recv, (1...100).map { "inserted message \($0)\n" }.joined())
            let record = try await send.waitForEnd()
            #expect(record.ending == .exited(0))
            #expect(record.errorText == "")
            for verb in ["sent", "settled"] {
                let told = record.outputText.split(separator: "\n").filter { $0.hasPrefix("\(verb) message") }
                #expect(told.map(String.init).sorted() == (1...100).map { "\(verb) message \($0)" }.sorted())
            }
            let rows = (1...100).map { "(\($0), 'Message-\($0)')\n" }.joined()
            try await expectSuccess(try run(receiver, "db_ctrl", "list", "dst_db"), rows)
            try await expectSuccess(try run(sender, "db_ctrl", "list", "src_db"), "")
        }
    }
}
