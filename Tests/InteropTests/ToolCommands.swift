// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPrograms

extension Feature {
    /// The subcommands of the program `amqp`.
    static let toolCommands: [Feature] = [
        Feature("amqp send, amqp receive", needed: .all) { peer in
            let tool = try Tool(peer)
            try tool.run("send", tool.queue, "Hello {n}", "--count", "20", "-p", "size:int=5", "--subject", "greeting")
            let lines = try tool.run("receive", tool.queue, "--count", "20", "--timeout", "10s", "-o", "json")
                .split(separator: "\n")
            try require(lines.count == 20, "\(lines.count) messages come")
            for (number, line) in lines.enumerated() {
                let json = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                try require(json?["body"] as? String == "Hello \(number + 1)", "the message is \(line)")
                try require(line.contains("greeting") && line.contains("size"), "the message is \(line)")
            }
            return ""
        },
        Feature("amqp send --lines, amqp receive --drain", needed: .all) { peer in
            let tool = try Tool(peer)
            let sending = try tool.start("send", tool.queue, "--lines", "--quiet", input: .open)
            sending.write((1...500).map { "line \($0)\n" }.joined())
            sending.closeInput()
            try Program.end(sending)
            let output = try tool.run("receive", tool.queue, "--drain")
            try require(
                output == (1...500).map { "line \($0)\n" }.joined(), "what comes begins with \(output.prefix(100))")
            return ""
        },
        Feature("amqp receive --browse", needed: [.swift]) { peer in
            let tool = try Tool(peer)
            try tool.run("send", tool.queue, "stays", "--quiet")
            for _ in 0..<2 {
                let output = try tool.run("receive", tool.queue, "--browse", "--drain")
                try require(output == "stays\n", "what is browsed is \(output)")
            }
            return ""
        },
        Feature("amqp receive --selector", needed: [.swift]) { peer in
            let tool = try Tool(peer)
            for size in 1...3 { try tool.run("send", tool.queue, "\(size)", "--quiet", "-p", "size:int=\(size)") }
            let output = try tool.run("receive", tool.queue, "--selector", "size > 1", "--drain")
            try require(output == "2\n3\n", "what is selected is \(output)")
            return ""
        },
        Feature("amqp request, amqp respond", needed: .noted) { peer in
            let tool = try Tool(peer)
            let responding = try tool.start("respond", tool.queue, "--count", "1", "--", "tr", "a-z", "A-Z")
            defer { responding.end() }
            try responding.read(until: "Control-C ends.\n")
            let replies = peer == .rabbitMQ3 || peer == .rabbitMQ4 ? ["--reply-to", try peer.newQueue()] : []
            let response = try tool.run(["request", tool.queue, "hello"] + replies)
            try require(response == "HELLO\n", "the response is \(response)")
            try Program.end(responding)
            return ""
        },
        Feature("amqp move", needed: .all) { peer in
            let tool = try Tool(peer)
            let target = try peer.newQueue()
            try tool.run("send", tool.queue, "{n}", "--count", "50", "--quiet")
            let moved = try tool.run("move", tool.queue, target)
            try require(moved.contains("50"), "it says \(moved)")
            let output = try tool.run("receive", target, "--count", "50", "--timeout", "10s")
            try require(output == (1...50).map { "\($0)\n" }.joined(), "what comes begins with \(output.prefix(100))")
            return ""
        },
        Feature("amqp copy", needed: [.swift]) { peer in
            let tool = try Tool(peer)
            let target = try peer.newQueue()
            try tool.run("send", tool.queue, "{n}", "--count", "5", "--quiet")
            try tool.run("copy", tool.queue, target)
            for address in [tool.queue, target] {
                let output = try tool.run("receive", address, "--count", "5", "--timeout", "10s")
                try require(output == "1\n2\n3\n4\n5\n", "\(address) has \(output)")
            }
            return ""
        },
        Feature("amqp purge", needed: .all) { peer in
            let tool = try Tool(peer)
            try tool.run("send", tool.queue, "x", "--count", "30", "--quiet")
            let output = try tool.run("purge", tool.queue, "--force")
            try require(output == "30\n", "it says \(output)")
            return ""
        },
        Feature("amqp bench", needed: .noted) { peer in
            let tool = try Tool(peer)
            let output = try tool.run("bench", tool.queue, "--count", "1000", "--connections", "2", "-o", "json")
            let json = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
            try require(
                json?["accepted"] as? Int == 1_000 && json?["received"] as? Int == 1_000, "it says \(output)")
            return ""
        },
        Feature("amqp trace", needed: .all) { peer in
            let tool = try Tool(peer)
            let tracing = try tool.start(
                "trace", "--listen", "127.0.0.1:0", "--to", peer.address, "--connections", "1")
            defer { tracing.end() }
            try tracing.read(until: "listening on ")
            let proxy = try tracing.read(until: ",")
            try tool.run("send", "--url", "amqp://\(proxy)", tool.queue, "seen", "--quiet")
            let output = try Program.end(tracing)
            for name in ["@open(16)", "@attach(18)", "@transfer(20)", "@disposition(21)", "@close(24)", "seen"] {
                try require(output.contains(name), "no \(name) in what it writes: \(output.prefix(200))")
            }
            return ""
        },
    ]
}

extension Set<Peer> {
    /// Those that keep who receives a message from the next one, and have outcomes.
    fileprivate static let noted = all.subtracting([.c])
}

/// The program `amqp`, with a peer and a queue of its own.
private final class Tool {
    let queue: String
    private let peer: Peer

    init(_ peer: Peer) throws {
        self.peer = peer
        queue = try peer.newQueue()
    }

    func start(_ arguments: String..., input: TestProgram.Input = .nothing) throws -> TestProgram {
        try start(arguments, input: input)
    }

    /// Runs it to its end, which has to be a good one.
    @discardableResult
    func run(_ arguments: String...) throws -> String { try run(arguments) }

    @discardableResult
    func run(_ arguments: [String]) throws -> String { try Program.end(start(arguments, input: .nothing)) }

    private func start(_ arguments: [String], input: TestProgram.Input) throws -> TestProgram {
        let command =
            ["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", "AMQP_URL=amqp://\(peer.address)"]
            + [Program.ours("amqp")] + arguments
        return try TestProgram(command, input: input, errors: .output, limit: 40)
    }
}
