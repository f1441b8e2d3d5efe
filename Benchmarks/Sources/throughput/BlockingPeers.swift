// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton
import Synchronization

/// The roles of the blocking interface: calls that wait, on threads of the program's own.
enum BlockingPeer {
    static func run(_ role: Throughput.Role, _ settings: Settings, _ report: Report) throws {
        let connection = try BlockingConnection(settings.server, options: settings.options)
        switch role {
        case .send: try send(settings, report, connection)
        case .recv: try receive(settings, report, connection)
        default: throw ProtonError(.invalidArgument, "--blocking is for send and recv.")
        }
        try connection.close()
    }

    /// Sends in batches of half the messages that may be unsettled, by two threads: while one waits for the outcomes of its
    /// batch, the other makes the next.
    private static func send(_ settings: Settings, _ report: Report, _ connection: BlockingConnection) throws {
        let payload = try Payload(settings)
        let sender = try connection.createSender(settings.address, options: settings.linkOption)
        let batch = max(1, (settings.inFlight == 0 ? 256 : settings.inFlight) / 2)
        let failure = Mutex<(any Error)?>(nil)
        report.start()
        inThreads(2) { thread in
            do {
                for first in stride(from: thread * batch, to: settings.count, by: 2 * batch) {
                    let ids = first..<min(first + batch, settings.count)
                    try sender.send(contentsOf: ids.lazy.map { payload.message(UInt64($0)) })
                }
            } catch {
                failure.withLock { $0 = error }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        report.count = settings.count
        report.end()
    }

    private static func receive(_ settings: Settings, _ report: Report, _ connection: BlockingConnection) throws {
        let payload = try Payload(settings)
        let receiver = try connection.createReceiver(settings.address, credit: settings.window)
        while report.count < settings.count {
            let message = try receiver.receive()
            report.start()
            report.checksum &+= payload.consume(message)
            try receiver.accept()
            report.count += 1
        }
        report.end()
    }

    /// Runs the work on threads of its own, and waits until all are done.
    private static func inThreads(_ count: Int, _ work: @escaping @Sendable (Int) -> Void) {
        final class Start: Sendable {
            let index: Int
            let work: @Sendable (Int) -> Void

            init(_ index: Int, _ work: @escaping @Sendable (Int) -> Void) {
                (self.index, self.work) = (index, work)
            }
        }
        let threads = (0..<count).map { index in
            var thread = pthread_t()
            let start = Unmanaged.passRetained(Start(index, work))
            let code = pthread_create(
                &thread, nil,
                { argument in
                    guard let argument else { return nil }
                    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    start.work(start.index)
                    return nil
                }, start.toOpaque())
            precondition(code == 0, "no thread could be made")
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }
}
