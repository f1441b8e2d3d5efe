// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Proton
import TestPrograms
import Testing

extension InteropTests {
    /// Client libraries that are not built on proton, over the broker of this package, with the async client at the other end.
    @Suite(.serialized)
    struct AsyncLibraryTests {
        /// What is tried with a library.
        enum Task: String, CaseIterable, Sendable {
            case fields = "message: each field comes through"
            case types = "message: properties of each type"
            case bodies = "message: bodies of each kind"
            case many = "messages there and back, in order"
            case large = "1 MiB there and back"
            case responds = "the library answers requests"
            case asks = "the library asks what is served"
            case asksServer = "the library asks a server, without a broker"

            /// The libraries that have it: there it must work. What uamqp receives may be no larger than 1 MiB with all.
            var libraries: Set<Library> {
                switch self {
                case .fields, .bodies, .many: [.go, .uamqp]
                case .types, .large, .responds, .asks, .asksServer: [.go]
                }
            }
        }

        static let table = Table(
            "Other client libraries with the async client", columns: Library.allCases.map(\.rawValue),
            rows: Task.allCases.map(\.rawValue))

        @Test(.timeLimit(.minutes(2)), arguments: Task.allCases, Library.allCases)
        func library(_ task: Task, _ library: Library) async throws {
            let answer = await Self.answer(task, library)
            try Self.table.record(task.rawValue, library.rawValue, answer)
            if case .no(let reason) = answer { Issue.record("\(task.rawValue), \(library.rawValue): \(reason)") }
        }

        private static func answer(_ task: Task, _ library: Library) async -> Answer {
            guard task.libraries.contains(library) else { return .notApplicable }
            do {
                try await onThread { Result { try Peer.swift.waitUntilUp() } }.get()
                try await bounded(.seconds(60), orElse: "nothing more comes of it") { try await check(task, library) }
                return .yes("")
            } catch {
                return .no("\(error)")
            }
        }

        private static func check(_ task: Task, _ library: Library) async throws {
            switch task {
            case .fields, .types, .bodies:
                let same: LibraryTests.Task = task == .fields ? .fields : task == .types ? .types : .bodies
                for (sent, back) in try await echo(same.messages(for: library), library) {
                    let changed = Feature.fields.filter { $0.1(back) != $0.1(sent) }.map(\.0)
                    try require(
                        changed.isEmpty && back.properties == sent.properties,
                        "changes or drops \(changed.joined(separator: ", ")): \(sent) comes as \(back)")
                }
            case .many:
                // uamqp's program connects for each.
                let count = library == .uamqp ? 20 : 500
                let pairs = try await echo((0..<count).map { Message(body: "\($0)") }, library)
                try require(pairs.allSatisfy { $0.0.body == $0.1.body }, "messages come in another order")
            case .large:
                let body = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) }
                let pairs = try await echo([Message(body: .data(body))], library)
                try require(pairs.allSatisfy { $0.0.body == $0.1.body }, "it comes back changed")
            case .responds: try await request(library)
            case .asks: try await serve(library)
            case .asksServer: try await serveWithoutBroker()
            }
        }

        /// Runs what the library does with a queue, while a body does its part.
        private static func with<Value: Sendable>(
            _ library: Library, _ feature: String, _ queue: String, _ body: (AMQPConnection) async throws -> Value
        ) async throws -> Value {
            try await Peer.swift.client().withConnection { connection in
                let program = try Program.start(library.command(feature, queue))
                do {
                    let value = try await body(connection)
                    _ = try await onThread { Result { try Program.end(program) } }.get()
                    return value
                } catch {
                    // What the program says of it is more to the point.
                    program.kill()
                    _ = try await onThread { Result { try Program.end(program) } }.get()
                    throw error
                }
            }
        }

        /// Sends messages that the library's program sends back.
        private static func echo(_ messages: [Message], _ library: Library) async throws -> [(Message, Message)] {
            let queue = Peer.swift.newName()
            let address = library.address(of: queue)
            let back = try await with(library, "echo", queue) { connection in
                let sender = connection.sender(to: address)
                let receiver = connection.receiver(from: "\(address)-back", window: 20)
                let receipts = try await sender.submit(
                    contentsOf: messages + [Message(body: "last", subject: "last")])
                for receipt in receipts { _ = try await receipt.outcome }
                var back: [Message] = []
                while back.count <= messages.count {
                    let delivery = try await receiver.take()
                    delivery.accept()
                    back.append(delivery.message)
                }
                await receiver.close()
                return back
            }
            return Array(zip(messages, back))
        }

        private static func request(_ library: Library) async throws {
            let queue = Peer.swift.newName()
            try await with(library, "respond", queue) { connection in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            let response = try await connection.request(Message(body: "\(number)"), to: queue)
                            try require(response.body == "re: \(number)", "the response is \(response.body)")
                        }
                    }
                    try await group.waitForAll()
                }
                _ = try await connection.request(Message(body: "last"), to: queue)
            }
        }

        private static func serveWithoutBroker() async throws {
            try await AMQPServer("127.0.0.1:0").withListener { listener in
                let work = _Concurrency.Task {
                    await listener.serve("service", concurrency: 4) { request in
                        Message(body: "re: \(request.body.stringValue ?? "nothing")")
                    }
                }
                defer { work.cancel() }
                let port = listener.port ?? 0
                _ = try await onThread {
                    Result { try Program.run([Program.built("go_client"), "127.0.0.1:\(port)", "ask", "service"]) }
                }.get()
            }
        }

        private static func serve(_ library: Library) async throws {
            let queue = Peer.swift.newName()
            try await with(library, "ask", queue) { connection in
                let (served, told) = AsyncStream.makeStream(of: Void.self)
                let work = _Concurrency.Task {
                    try await connection.serve(queue, concurrency: 4) { request in
                        told.yield()
                        return Message(body: "re: \(request.body.stringValue ?? "nothing")")
                    }
                }
                defer { work.cancel() }
                // As many as the program asks for: what is begun is answered, also when serving ends.
                var requests = served.makeAsyncIterator()
                for _ in 0..<50 { await requests.next() }
                work.cancel()
                try await work.value
            }
        }
    }
}
