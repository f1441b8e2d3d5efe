// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQPTool

/// Programs that are run for a message.
struct ChildCommandTests {
    private func run(_ arguments: [String], _ input: String = "", timeout: Duration = .seconds(60)) async throws
        -> String
    {
        String(
            decoding: try await ChildCommand(arguments).run(input: Array(input.utf8), timeout: timeout), as: UTF8.self)
    }

    @Test("Its output comes back")
    func output() async throws {
        #expect(try await run(["tr", "a-z", "A-Z"], "tea") == "TEA")
        #expect(try await run(["true"], "") == "")
    }

    @Test("More than a socket holds goes both ways")
    func large() async throws {
        let text = String(repeating: "0123456789", count: 200_000)
        #expect(try await run(["cat"], text) == text)
    }

    @Test("A program need not read its input")
    func unread() async throws {
        #expect(try await run(["echo", "done"], String(repeating: "x", count: 2_000_000)) == "done\n")
    }

    @Test(
        "What goes wrong is told",
        arguments: [
            (["sh", "-c", "exit 3"], "exit code 3"), (["sh", "-c", "kill -9 $$"], "signal 9"),
            (["/no/such/program"], "cannot be started"),
        ])
    func failure(arguments: [String], message: String) async {
        let error = await #expect(throws: ToolError.self) { try await run(arguments) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test("What takes too long is ended, with what it has started", .timeLimit(.minutes(1)))
    func tooLong() async {
        let error = await #expect(throws: ToolError.self) {
            try await run(["sh", "-c", "sleep 300 & sleep 300"], timeout: .milliseconds(200))
        }
        #expect(error?.exit == .timedOut)
    }
}
