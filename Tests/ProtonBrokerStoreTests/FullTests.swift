// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Logging
import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities
import Synchronization
import Testing

/// A store without room.
struct FullTests {
    private let limit = 400_000
    private let bytes = [UInt8](repeating: 9, count: 1_000)

    @Test(.timeLimit(.minutes(1))) func itWaitsForRoomAndSaysSo() throws {
        let folder = try Folder()
        let log = Log()
        let store = try SQLiteStore(folder.file(), maxBytes: limit, logger: log.logger)
        let reports = try store.started()
        _ = store.write(.makeQueue(queue(1)))
        for place in UInt64(0)..<200 { _ = store.write(.add(message(place, bytes))) }
        #expect(reports.reaches(201))
        // As much again does not fit.
        for place in UInt64(200)..<500 { _ = store.write(.add(message(place, bytes))) }
        #expect(reports.tellsOfFailure("has no room left"))
        #expect(log.waits(for: "has no room left"))
        #expect((reports.durable.last ?? 0) < 501)
        // What goes makes room for what waits.
        for place in UInt64(0)..<200 { _ = store.write(.remove(queue: 1, place: place)) }
        #expect(reports.reaches(701))
        #expect(log.waits(for: "can be written again"))
        try store.close()
        #expect(try contents(folder.file()).dropFirst() == (200..<500).map { .message(message($0, bytes)) }[...])
    }

    @Test(.timeLimit(.minutes(1))) func closingTellsWhatIsLost() throws {
        let folder = try Folder()
        let log = Log()
        let store = try SQLiteStore(folder.file(), maxBytes: limit, logger: log.logger)
        let reports = try store.started()
        #expect(reports.reaches(store.write(.makeQueue(queue(1)))))
        _ = store.write((0..<500).map { .add(message($0, bytes)) })
        #expect(log.waits(for: "has no room left"))
        for _ in 0..<2 {
            let error = try #require(throws: ProtonError.self) { try store.close() }
            #expect(error.code == .storeFailed)
            #expect(error.message.contains("has no room left"), "\(error)")
            #expect(error.message.contains("its last changes, which are lost: 500."), "\(error)")
        }
        #expect(reports.durable == [1])
        #expect(try contents(folder.file()) == [.queue(queue(1))])
    }
}

/// The lines of a log, to be waited for.
private final class Log: Sendable {
    private let lines = Monitor<[String]>([])

    var logger: Logger {
        Logger(label: "test") { [lines] _ in Handler(lines: lines) }
    }

    /// Waits until a line has some words in it.
    func waits(for words: String) -> Bool {
        lines.wait(until: Deadline(after: .seconds(10))) { $0.contains { $0.contains(words) } ? () : nil } != nil
    }

    private struct Handler: LogHandler {
        let lines: Monitor<[String]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            lines.withLock { $0.append(event.message.description) }
        }
    }
}

#endif
