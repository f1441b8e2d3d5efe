// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonBroker
import ProtonUtilities
import Synchronization
import Testing

@testable import ProtonBrokerStore

/// What a store keeps, tells and gives back.
struct SQLiteStoreTests {
    @Test func everythingComesBackInOrder() throws {
        let folder = try Folder()
        let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let queues = [
            StoredQueue(id: 0, address: ""),
            StoredQueue(id: 3, address: "Grüße, 世界 \u{0}", details: [0, 255]),
            StoredQueue(id: 1 << 63, address: "high", details: large),
            StoredQueue(id: .max, address: "last"),
        ]
        let places: [UInt64] = [0, 1, 127, 1 << 40, (1 << 63) - 1, 1 << 63, .max - 1, .max]
        let bodies: [[UInt8]] = [[], [0], large]
        let messages = queues.flatMap { queue in
            places.enumerated().map { index, place in message(place, in: queue.id, bodies[index % bodies.count]) }
        }
        let store = try SQLiteStore(folder.file())
        #expect(try store.recovered() == [])
        var last: UInt64 = 0
        for queue in queues.shuffled() { last = store.write(.makeQueue(queue)) }
        for message in messages.shuffled() { last = store.write(.add(message)) }
        #expect(last == UInt64(queues.count + messages.count))
        #expect(try store.started().reaches(last))
        try store.close()

        let items = try contents(folder.file())
        let found = items.prefix(queues.count).compactMap { if case .queue(let queue) = $0 { queue } else { nil } }
        #expect(found.sorted { $0.id < $1.id } == queues)
        for queue in queues {
            let found = items.compactMap {
                if case .message(let message) = $0, message.queue == queue.id { message } else { nil }
            }
            #expect(found == messages.filter { $0.queue == queue.id })
        }
        #expect(items.count == queues.count + messages.count)
    }

    @Test func timesBeforeTheEpochAreKept() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        for (place, time) in [Int64.min, -1, 0, .max].enumerated() {
            let message = StoredMessage(
                queue: 1, place: UInt64(place), arrival: Timestamp(milliseconds: time), bytes: [])
            _ = store.write(place == 0 ? .makeQueue(queue(1)) : .add(message))
        }
        try store.close()
        let times = try contents(folder.file()).compactMap {
            if case .message(let message) = $0 { message.arrival.milliseconds } else { nil }
        }
        #expect(times == [-1, 0, .max])
    }

    @Test func numbersRiseAndAreToldOnce() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        #expect(store.write(.makeQueue(queue(1))) == 1)
        let reports = try store.started()
        #expect(reports.reaches(1))
        for place in 1...2_000 { #expect(store.write(.add(message(UInt64(place)))) == UInt64(place) + 1) }
        #expect(reports.reaches(2_001))
        // A change that needs no writing is told, too.
        _ = store.write(.add(message(5_000)))
        #expect(reports.reaches(store.write(.remove(queue: 1, place: 5_000))))
        try store.close()
        #expect(reports.durable == Array(Set(reports.durable)).sorted())
        #expect(reports.durable.last == 2_003)
    }

    @Test func nothingIsToldBeforeItIsInTheFile() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let journal = folder.file() + "-wal"
        let before = size(journal)
        _ = store.write(.makeQueue(queue(1)))
        let sizes = Mutex<[Int]>([])
        let reports = Reports()
        try store.start { report in
            sizes.withLock { $0.append(size(journal)) }
            reports.append(report)
        }
        #expect(reports.reaches(1))
        #expect(sizes.withLock(\.self).first ?? 0 > before)
        try store.close()
        // The journal is in the file then.
        #expect(size(journal) == 0)
    }

    @Test func whatComesAndGoesIsNotWritten() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let journal = folder.file() + "-wal"
        let before = size(journal)
        var last: UInt64 = 0
        for place in UInt64(1)...1_000 {
            _ = store.write(.add(message(place)))
            last = store.write(.remove(queue: 1, place: place))
        }
        #expect(try store.started().reaches(last))
        #expect(size(journal) == before)
        try store.close()
    }

    @Test func queuesGoWithTheirMessages() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let reports = try store.started()
        for id in UInt64(1)...3 {
            _ = store.write(.makeQueue(queue(id)))
            for place in UInt64(1)...10 { _ = store.write(.add(message(place, in: id))) }
        }
        #expect(reports.reaches(33))
        _ = store.write(.removeQueue(id: 2))
        // The same number again is another queue; a message of a queue that is not there goes with the next start.
        _ = store.write(.removeQueue(id: 3))
        _ = store.write(.makeQueue(StoredQueue(id: 3, address: "other")))
        _ = store.write(.add(message(1, in: 9)))
        try store.close()
        let first = [StoredItem.queue(queue(1)), .queue(StoredQueue(id: 3, address: "other"))]
        #expect(try contents(folder.file()) == first + (1...10).map { .message(message($0)) })
    }

    @Test func aGroupIsInOneTransaction() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let reports = try store.started()
        #expect(reports.reaches(store.write(.makeQueue(queue(1)))))
        let last = store.write((1...100).map { .add(message($0)) })
        #expect(last == 2)
        #expect(reports.reaches(last))
        #expect(reports.durable == [1, 2])
        try store.close()
        #expect(try contents(folder.file()).count == 101)
    }

    @Test(.timeLimit(.minutes(1))) func manyThreadsWriteAtOnce() async throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let reports = try store.started()
        let last = await withTaskGroup(of: UInt64.self) { group in
            for id in UInt64(1)...8 {
                group.addTask {
                    var last = store.write(.makeQueue(queue(id)))
                    for place in UInt64(0)..<500 {
                        // Each with its counterpart: after a crash both are there, or neither.
                        last = store.write([
                            .add(message(2 * place, in: id)), .add(message(2 * place + 1, in: id)),
                        ])
                    }
                    return last
                }
            }
            return await group.reduce(0, max)
        }
        #expect(last == 8 * 501)
        #expect(reports.reaches(last))
        try store.close()
        #expect(try contents(folder.file()).count == 8 * 1_001)
        #expect(reports.durable == reports.durable.sorted())
    }

    @Test func anErrorOfTheReaderComesOut() throws {
        struct Mishap: Error {}
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        _ = store.write(.makeQueue(queue(1)))
        #expect(try store.started().reaches(1))
        #expect(throws: Mishap.self) { try store.recover { _ in throw Mishap() } }
        try store.close()
    }

    @Test func whatWasNeverStartedIsWrittenAtTheEnd() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        _ = store.write(.makeQueue(queue(1)))
        try store.close()
        try store.close()
        // Closed is closed.
        _ = store.write(.add(message(1)))
        #expect(throws: ProtonError.self) { try store.start { _ in } }
        #expect(throws: ProtonError.self) { try store.recover { _ in } }
        #expect(try contents(folder.file()) == [.queue(queue(1))])
    }

    @Test func aStoreThatNobodyClosesIsClosed() throws {
        let folder = try Folder()
        let written = Reports()
        do {
            let store = try SQLiteStore(folder.file())
            _ = store.write(.makeQueue(queue(1)))
            try store.start { written.append($0) }
        }
        #expect(written.reaches(1))
    }

    @Test func roomIsUsedAgain() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let reports = try store.started()
        _ = store.write(.makeQueue(queue(1)))
        let bytes = [UInt8](repeating: 1, count: 1_000)
        var sizes: [Int] = []
        for round in UInt64(0)..<20 {
            for place in 0..<UInt64(500) { _ = store.write(.add(message(round * 500 + place, bytes))) }
            #expect(reports.reaches(round * 1_000 + 501))
            for place in 0..<UInt64(500) { _ = store.write(.remove(queue: 1, place: round * 500 + place)) }
            #expect(reports.reaches((round + 1) * 1_000 + 1))
            sizes.append(size(folder.file()) + size(folder.file() + "-wal"))
        }
        try store.close()
        // 20 × 500 kB went through it.
        #expect(sizes.allSatisfy { $0 < 6_000_000 }, "\(sizes)")
        #expect(size(folder.file()) < 1_500_000)
    }
}

/// The file of a store by itself.
struct StoreFileTests {
    @Test func roomIsGivenBack() throws {
        let folder = try Folder()
        let file = try StoreFile(folder.file(), maxBytes: nil)
        let bytes = [UInt8](repeating: 1, count: 20_000)
        func write(_ changes: [StoreChange]) throws {
            var batch = StoreBatch()
            batch.append(changes)
            try file.write(batch)
        }
        try write([.makeQueue(queue(1))] + (0..<2_000).map { .add(message($0, bytes)) })
        // Not while most of it is used.
        #expect(try !file.giveBackRoom())
        try write((0..<1_900).map { .remove(queue: 1, place: $0) })
        #expect(try file.giveBackRoom())
        #expect(size(folder.file()) > 20_000_000)
        while try file.giveBackRoom() {}
        #expect(size(folder.file()) < 8_000_000)
        // What a large transaction leaves of the journal goes as well.
        #expect(size(folder.file() + "-wal") < 20_000_000)
        try file.close()
        #expect(
            try contents(folder.file()) == [.queue(queue(1))] + (1_900..<2_000).map { .message(message($0, bytes)) })
    }
}

/// How large a file is; 0 where there is none.
private func size(_ path: String) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
}

#endif
