import Foundation
import GRDB
import Proton
import ProtonBroker
import Testing

@testable import ProtonBrokerStore
@testable import store_writer

/// What a store keeps of messages besides what came: their details, which may change.
struct UpdateTests {
    /// Of changes in one transaction: what of them is a removal, a new detail, or something else.
    struct Case: Sendable {
        let changes: [StoreChange]
        var removals: [UInt64] = []
        var updates: [UInt64: [UInt8]] = [:]
        var rest: [StoreChange] = []
    }

    private static func update(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        .update(queue: 1, place: place, details: details)
    }

    private static func remove(_ place: UInt64) -> StoreChange { .remove(queue: 1, place: place) }

    private static func added(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        var message = message(place)
        message.details = details
        return .add(message)
    }

    @Test(arguments: [
        Case(changes: [update(1, 5), update(2, 6)], updates: [1: [5], 2: [6]]),
        Case(changes: [update(1, 5), update(1, 6)], updates: [1: [6]]),
        Case(changes: [update(1, 5), update(1)], updates: [1: []]),
        Case(changes: [update(1, 5), remove(1)], removals: [1]),
        Case(changes: [update(1, 5), remove(2)], removals: [2], updates: [1: [5]]),
        // With the message, or with none.
        Case(changes: [added(1), update(1, 5)], rest: [added(1, 5)]),
        Case(changes: [added(1), update(1, 5), update(1, 6)], rest: [added(1, 6)]),
        Case(changes: [added(1), update(1, 5), remove(1)]),
        Case(changes: [added(2), update(1, 5)], updates: [1: [5]], rest: [added(2)]),
        // A message that comes to the place of one that is gone.
        Case(changes: [update(1, 5), remove(1), added(1)], removals: [1], rest: [added(1)]),
        Case(changes: [remove(1), added(1), update(1, 5)], removals: [1], rest: [added(1, 5)]),
        // Another queue's.
        Case(changes: [.add(message(1, in: 2)), update(1, 5)], updates: [1: [5]], rest: [.add(message(1, in: 2))]),
        Case(
            changes: [update(1, 5), .removeQueue(id: 1)], updates: [1: [5]], rest: [.removeQueue(id: 1)]),
    ])
    func whatMeetsIsWrittenOnce(_ expected: Case) {
        let changes = expected.changes
        // At once, and bit by bit as where writing fails.
        for size in 1...changes.count {
            var group = StoreGroup()
            for start in stride(from: 0, to: changes.count, by: size) {
                group.append(Array(changes[start..<min(start + size, changes.count)]))
            }
            #expect(group.removals.map(\.place) == expected.removals)
            #expect(
                group.updates
                    == Dictionary(
                        uniqueKeysWithValues: expected.updates.map { (MessagePlace(queue: 1, place: $0), $1) }))
            #expect(group.changes.compactMap(\.self) == expected.rest)
            #expect(
                group.isEmpty == (expected.removals.isEmpty && expected.updates.isEmpty && expected.rest.isEmpty))
        }
    }

    @Test func detailsComeBack() throws {
        let folder = try Folder()
        var store = try SQLiteStore(folder.file())
        _ = store.write(.makeQueue(queue(1)))
        for place in UInt64(1)...4 { _ = store.write(.add(message(place))) }
        // One in the transaction of its coming, the others later.
        _ = store.write(Self.update(1, 1))
        try store.close()
        store = try SQLiteStore(folder.file())
        let progress = try store.started()
        _ = store.write(Self.update(2, 2, 2))
        _ = store.write(Self.update(4, 4))
        // What is not there has no details.
        #expect(progress.reaches(store.write(Self.update(9, 9))))
        _ = store.write(Self.update(4))
        try store.close()
        let details = try contents(folder.file()).compactMap {
            if case .message(let message) = $0 { message.details } else { nil }
        }
        #expect(details == [[1], [2, 2], [], []])
    }

    // MARK: Files of the first version

    /// The tables before messages had details, with some in them.
    private static let firstVersion = """
        PRAGMA auto_vacuum = INCREMENTAL;
        PRAGMA journal_mode = WAL;
        CREATE TABLE queues (id INTEGER PRIMARY KEY, address BLOB, details BLOB) STRICT;
        CREATE TABLE messages (
            queue INTEGER NOT NULL, place INTEGER NOT NULL, arrival INTEGER NOT NULL, bytes BLOB,
            PRIMARY KEY (queue, place)
        ) STRICT;
        PRAGMA application_id = 1095586128;
        PRAGMA user_version = 1;
        INSERT INTO queues VALUES (1, CAST('queue-1' AS BLOB), NULL);
        INSERT INTO messages VALUES (1, 1, -6, x'010203'), (1, 2, -5, x'010203');
        """

    private func makeFirstVersion(_ folder: Folder, _ more: String = "") throws {
        let database = try DatabaseQueue(path: folder.file())
        try database.writeWithoutTransaction { try $0.execute(sql: Self.firstVersion + more) }
        try database.close()
    }

    @Test func aFileOfTheFirstVersionIsBroughtUpToDate() throws {
        let folder = try Folder()
        try makeFirstVersion(folder)
        let items = [StoredItem.queue(queue(1)), .message(message(1)), .message(message(2))]
        for _ in 0..<2 { #expect(try contents(folder.file()) == items) }
        let store = try SQLiteStore(folder.file())
        _ = store.write(Self.update(2, 7))
        _ = store.write(Self.added(3, 8))
        try store.close()
        let found = try contents(folder.file()).compactMap {
            if case .message(let message) = $0 { message } else { nil }
        }
        #expect(found.map(\.place) == [1, 2, 3])
        #expect(found.map(\.details) == [[], [7], [8]])
    }

    @Test func aFileOfTheFirstVersionThatIsRefusedStaysAsItIs() throws {
        let folder = try Folder()
        try makeFirstVersion(folder, "DROP TABLE queues;")
        let before = FileManager.default.contents(atPath: folder.file())
        let error = try #require(throws: ProtonError.self) { try SQLiteStore(folder.file()) }
        #expect(error.message.contains("is damaged"), "\(error)")
        #expect(FileManager.default.contents(atPath: folder.file()) == before)
    }

    // MARK: Through a broker

    /// A broker's process that works with a store.
    private func serve(_ folder: Folder) throws -> (program: StoreProgram, connection: BlockingConnection) {
        let program = try StoreProgram("serve", folder.file(), "1")
        program.read(lines: 1, atMost: .seconds(10))
        let port = try #require(program.lines.first.flatMap { Int($0) }, "\(program.lines)")
        return (program, try BlockingConnection("127.0.0.1:\(port)"))
    }

    @Test(.timeLimit(.minutes(1))) func whatWasInVainIsKnownAfterACrash() throws {
        let folder = try Folder()
        var (program, connection) = try serve(folder)
        var sender = try connection.createSender("q")
        for text in ["a", "b", "c", "d"] { _ = try sender.send(Message(body: text, isDurable: true)) }
        var receiver = try connection.createReceiver("q", credit: 3)
        for text in ["a", "b", "c"] {
            #expect(try receiver.receive().body == .value(.string(text)))
        }
        // Each is settled in its turn: the first one failed, the second did not, and the third is not settled.
        try receiver.settle(
            .modified(deliveryFailed: true, undeliverableHere: false, annotations: ["x-opt-why": "no room"]))
        try receiver.settle(.released)
        // By the second answer the broker has both, and has written what came of them.
        for text in ["e", "f"] { _ = try sender.send(Message(body: text, isDurable: true)) }
        program.kill()
        (program, connection) = try serve(folder)
        defer { program.kill() }
        sender = try connection.createSender("other")
        receiver = try connection.createReceiver("q", credit: 10)
        let messages = try (0..<6).map { _ in try receiver.receive() }
        #expect(messages.map(\.body) == ["a", "b", "c", "d", "e", "f"].map { .value(.string($0)) })
        #expect(messages.map(\.deliveryCount) == [1, 0, 0, 0, 0, 0])
        #expect(messages.map { $0.annotations["x-opt-why"] } == ["no room", nil, nil, nil, nil, nil])
    }
}
