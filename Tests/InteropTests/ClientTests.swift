// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import Testing

extension InteropTests {
    /// proton's example clients, on the broker of this package.
    @Suite(.serialized)
    struct ClientTests {
        /// What a client is written in.
        enum Language: String, CaseIterable, Sendable {
            case c = "C"
            case cpp = "C++"
            case python = "Python"
        }

        /// What it does.
        enum Task: String, CaseIterable, Sendable {
            case send = "send, simple_send"
            case receive = "receive, simple_recv"
            case helloWorld = "helloworld"
            case client = "client and server"
        }

        static let table = Table(
            "proton's example clients with this package's broker", columns: Language.allCases.map(\.rawValue),
            rows: Task.allCases.map(\.rawValue))

        @Test(.timeLimit(.minutes(2)), arguments: Task.allCases, Language.allCases)
        func client(_ task: Task, _ language: Language) async throws {
            let answer = await onThread { () -> Answer in
                do {
                    try Peer.swift.waitUntilUp()
                    try ClientTests.check(task, language)
                    return .yes("")
                } catch is NotApplicable {
                    return .notApplicable
                } catch {
                    return .no("\(error)")
                }
            }
            try ClientTests.table.record(task.rawValue, language.rawValue, answer)
            if case .no(let reason) = answer { Issue.record("\(task.rawValue), \(language.rawValue): \(reason)") }
        }

        private static func check(_ task: Task, _ language: Language) throws {
            let (broker, queue) = (Peer.swift.address, Peer.swift.newName())
            let (host, port) = ("127.0.0.1", String(broker.split(separator: ":").last ?? ""))
            let arguments = ["-a", "\(broker)/\(queue)", "-m", "10"]
            switch (task, language) {
            case (.send, .c): try send(queue, [Program.built("c_send"), host, port, queue, "10"])
            case (.send, .cpp): try send(queue, [Program.built("cpp_simple_send")] + arguments)
            case (.send, .python): try send(queue, Program.python("simple_send") + arguments)
            case (.receive, .c): try receive(queue, [Program.built("c_receive"), host, port, queue, "10"])
            case (.receive, .cpp): try receive(queue, [Program.built("cpp_simple_recv")] + arguments)
            case (.receive, .python): try receive(queue, Program.python("simple_recv") + arguments)
            case (.helloWorld, .c), (.client, .c): throw NotApplicable()
            case (.helloWorld, .cpp):
                try expect("Hello World!\n", [Program.built("cpp_helloworld"), "//\(broker)", queue])
            case (.helloWorld, .python): try expect("Hello World!\n", Program.pythonHelloWorld(broker))
            case (.client, .cpp):
                try Program.serve(
                    [Program.built("cpp_server"), "//\(broker)", queue],
                    [Program.built("cpp_client"), "-a", "\(broker)/\(queue)"])
            case (.client, .python):
                try Program.serve(
                    Program.python("server") + ["-a", "\(broker)/\(queue)"],
                    Program.python("client") + ["-a", "\(broker)/\(queue)"])
            }
        }

        private static func expect(_ output: String, _ command: [String]) throws {
            let written = try Program.run(command)
            try require(written == output, "writes \(written)")
        }

        /// Has a program send ten messages, and takes them.
        private static func send(_ queue: String, _ command: [String]) throws {
            try Program.run(command)
            let receiver = try Peer.swift.connect().createReceiver(queue, credit: 10)
            for number in 1...10 {
                let body = try receiver.take().body
                try require(body["sequence"]?.intValue == number, "message \(number) is \(body)")
            }
        }

        /// Has a program receive ten messages.
        private static func receive(_ queue: String, _ command: [String]) throws {
            let sender = try Peer.swift.connect().createSender(queue)
            for number in 1...10 {
                try sender.send(Message(id: MessageID(number), body: ["sequence": .int(Int32(number))]))
            }
            let lines = try Program.run(command).split(separator: "\n").filter { $0.contains("sequence") }
            try require(lines.count == 10, "receives \(lines.count) of 10 messages")
        }
    }
}
