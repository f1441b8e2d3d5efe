// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Glibc
import Testing

@testable import AMQPTool

/// The file of contexts.
struct ContextStoreTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    @Test("What is written is read, and the file is its owner's only")
    func roundTrip() throws {
        try withFolder { folder in
            let store = ContextStore(path: "\(folder)/new/amqp/contexts")
            #expect(try store.read() == Contexts())
            var context = ToolContext(url: "amqps://broker.example")
            (context.user, context.passwordFile, context.prefix) = ("me", "/secret", "/queues/")
            try store.change { [context] contexts in
                contexts.contexts["a"] = context
                contexts.selected = "a"
            }
            #expect(try store.read().selectedContext == context)
            var status = stat()
            #expect(stat(store.path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(stat("\(folder)/new/amqp", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o700)
        }
    }

    @Test("Changes at the same time are all kept")
    func concurrent() async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = ContextStore(path: "\(folder)/contexts")
        await withTaskGroup(of: Void.self) { group in
            for number in 1...20 {
                group.addTask {
                    #expect(throws: Never.self) {
                        try store.change { $0.contexts["\(number)"] = ToolContext(url: "host\(number)") }
                    }
                }
            }
        }
        #expect(try store.read().contexts.count == 20)
    }

    @Test("A change that throws changes nothing")
    func throwing() throws {
        try withFolder { folder in
            let store = ContextStore(path: "\(folder)/contexts")
            try store.change { $0.contexts["a"] = ToolContext(url: "a") }
            #expect(throws: ToolError.self) {
                try store.change { contexts in
                    contexts.contexts = [:]
                    throw ToolError(.failure, "no")
                }
            }
            #expect(try store.read().contexts.count == 1)
        }
    }

    @Test(
        "A file that is broken, or of another kind, is told",
        arguments: ["{", "[]", "\u{0}", "{\"contexts\":{\"a\":{}}}"])
    func broken(text: String) throws {
        try withFolder { folder in
            let path = "\(folder)/contexts"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            let error = #expect(throws: ToolError.self) { try ContextStore(path: path).read() }
            #expect(error?.message.hasPrefix(path) == true)
        }
    }
}
