// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Proton

/// A broker that scripts/interop.sh has started, and tells of in the environment.
enum Peer: String, CaseIterable, Sendable {
    case rabbitMQ3 = "RabbitMQ 3"
    case rabbitMQ4 = "RabbitMQ 4"
    case c = "C"
    case cpp = "C++"
    case python = "Python"
    case swift = "Swift"

    /// Those that are started: all of them, or none.
    static let running = allCases.filter { $0.environment("") != nil }

    private func environment(_ suffix: String) -> String? {
        let name = self == .cpp ? "CPP" : rawValue.uppercased().filter { $0 != " " }
        return ProcessInfo.processInfo.environment["INTEROP_\(name)\(suffix)"]
    }

    /// Host and port.
    var address: String { environment("") ?? "" }

    /// A name that no other test uses.
    func newName() -> String { "interop-\(UUID().uuidString.prefix(8))" }

    /// The address of a queue that no other test uses.
    /// - Parameter type: what kind of queue, in RabbitMQ 4: it forgets quorum queues that are not a second old when it is
    ///   killed, but no other ones.
    func newQueue(_ type: RabbitMQQueue.QueueType = .quorum) throws -> String {
        let name = newName()
        switch self {
        case .rabbitMQ3: return "/queue/\(name)"
        case .rabbitMQ4:
            try RabbitMQManagement(connect()).declareQueue(name, type: type)
            return RabbitMQAddress.queue(name)
        case .c, .cpp, .python, .swift: return name
        }
    }

    /// The beginning of a text in one line, without what is another one in each run.
    func anonymous(_ text: String) -> String {
        let line = text.replacing(address, with: "the peer").replacing(/interop-[0-9A-F]{8}/, with: "NAME")
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > 180 ? "\(line.prefix(140))…" : line
    }

    /// Connects, once.
    func connect(
        _ options: ConnectionOptions = ConnectionOptions(reconnect: nil), user: String? = nil,
        timeout: Duration = .seconds(10)
    ) throws -> BlockingConnection {
        try BlockingConnection("amqp://\(user.map { "\($0)@" } ?? "")\(address)", timeout: timeout, options: options)
    }

    /// Waits until the broker can be connected to: it may have just been started, or have crashed in the last test.
    func waitUntilUp() throws {
        try BlockingConnection("amqp://\(address)", timeout: .seconds(60), options: ConnectionOptions()).close()
    }

    /// Ends the broker, as a crash would, and waits until its connections are gone; the script starts it again.
    func crash() throws {
        let connection = try connect()
        let receiver = try connection.createReceiver(try newQueue())
        try end(SIGKILL)
        do {
            _ = try receiver.receive(timeout: .seconds(10))
        } catch let error as ProtonError where error.code != .timedOut {
            return
        }
        throw Lacking("its connections outlive it")
    }

    /// Sends the broker a signal that ends it; the script starts it again.
    func end(_ signal: Int32) throws {
        let file = environment("_PID") ?? ""
        let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard let pid = pid_t(text), kill(pid, signal) == 0 else {
            throw Lacking("it cannot be ended: \(file) has \"\(text)\"")
        }
    }
}
