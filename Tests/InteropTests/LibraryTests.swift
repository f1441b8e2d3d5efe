// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import Testing

extension InteropTests {
    /// Client libraries that are not built on proton, with the broker of this package: the programs of
    /// Tests/InteropPeers, each of which does one thing and says what is wrong.
    @Suite(.serialized)
    struct LibraryTests {
        static let table = Table(
            "Other client libraries with this package's broker", columns: Library.allCases.map(\.rawValue),
            rows: Task.allCases.map(\.rawValue))

        @Test(.timeLimit(.minutes(1)), arguments: Task.allCases, Library.allCases)
        func library(_ task: Task, _ library: Library) async throws {
            let answer = await onThread { () -> Answer in
                guard task.libraries.contains(library) else { return .notApplicable }
                do {
                    try Peer.swift.waitUntilUp()
                    try LibraryTests.check(task, library)
                    return .yes("")
                } catch {
                    return .no("\(error)")
                }
            }
            try LibraryTests.table.record(task.rawValue, library.rawValue, answer)
            if case .no(let reason) = answer {
                Issue.record("\(task.rawValue), \(library.rawValue): \(reason)")
            }
        }

        private static func check(_ task: Task, _ library: Library) throws {
            let name = Peer.swift.newName()
            switch task {
            case .fields, .types, .bodies: try echo(task, library, library.address(of: name), name)
            default: try Program.run(library.command(task.feature, name))
            }
        }

        /// Sends messages that the library's program sends back, and compares them.
        private static func echo(_ task: Task, _ library: Library, _ address: String, _ name: String) throws {
            let messages = task.messages(for: library)
            let connection = try Peer.swift.connect()
            let sender = try connection.createSender(address)
            let receiver = try connection.createReceiver("\(address)-back", credit: 10)
            let program = try Program.start(library.command("echo", name))
            for message in messages { try sender.send(message) }
            try sender.send(Message(body: "last", subject: "last"))
            try Program.end(program)
            for sent in messages {
                let back = try receiver.take()
                switch task {
                case .fields:
                    let changed = Feature.fields.filter { $0.1(back) != $0.1(sent) }.map(\.0)
                    try require(changed.isEmpty, "changes or drops \(changed.joined(separator: ", "))")
                case .types:
                    try require(back.properties == sent.properties, "\(sent.properties) come as \(back.properties)")
                default: try require(back.body == sent.body, "\(sent.body) comes as \(back.body)")
                }
            }
        }
    }
}

/// A client library that is not built on proton.
enum Library: String, CaseIterable, Sendable {
    case go = "go-amqp"
    case uamqp

    /// What runs a feature of its program with a queue.
    func command(_ feature: String, _ queue: String) -> [String] {
        let environment = ProcessInfo.processInfo.environment
        switch self {
        case .go: return [Program.built("go_client"), Peer.swift.address, feature, queue]
        case .uamqp:
            return [
                "/usr/bin/python3", "Tests/InteropPeers/uamqp_client.py",
                "localhost:\(environment["INTEROP_SWIFT_TLS"] ?? "")", Secured.file("authority"), feature, queue,
            ]
        }
    }

    /// The address that its program uses for a queue.
    func address(of queue: String) -> String {
        switch self {
        case .go: queue
        case .uamqp: "amqp://localhost/\(queue)"
        }
    }
}
