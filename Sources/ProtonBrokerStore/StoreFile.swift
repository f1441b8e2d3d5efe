// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import GRDB
import Proton
import ProtonBroker
import ProtonUtilities

/// The SQLite database of a store, which this process alone has open.
///
/// Each of its calls waits for the one before it. Errors of SQLite are thrown as `ProtonError.Code.storeFailed`.
struct StoreFile: Sendable {
    let path: String
    private let database: DatabaseQueue
    private let identity: FileIdentity?

    /// How many free pages a file keeps.
    private static let freePages = 1_024
    /// How many pages are given back in one transaction.
    private static let freedPages = 1_024

    /// Opens a store, or makes one.
    /// - Parameter maxBytes: how large the file may become.
    init(_ path: String, maxBytes: Int?) throws(ProtonError) {
        // A path without a folder may be one of SQLite's names for a database in memory.
        let path = path.hasPrefix("/") ? path : "./" + path
        self.path = path
        try StoreFile.checkPlace(path)
        database = try StoreFile.translated(path) {
            try FileSizeSignal.blocked { try StoreFile.open(path, maxBytes) }
        }
        identity = FileIdentity(path)
    }

    private static func open(_ path: String, _ maxBytes: Int?) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "proton.broker.store"
        configuration.foreignKeysEnabled = false
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.inDatabase { try StoreFile.prepare($0, path, maxBytes) }
        return database
    }

    // MARK: Reading

    /// Reads the queues, then the messages of each in their order, one message at a time.
    func read(_ take: (StoredItem) throws -> Void) throws {
        do {
            try database.inDatabase { database in
                let queues = try Row.fetchAll(database, sql: StoreSchema.queues).map { try queue($0) }
                for queue in queues { try take(.queue(queue)) }
                for queue in queues {
                    for half in StoreSchema.messages {
                        let rows = try Row.fetchCursor(
                            database, sql: half, arguments: [Int64(bitPattern: queue.id)])
                        while let row = try rows.next() { try take(.message(message(row, of: queue.id))) }
                    }
                }
            }
        } catch let error as DatabaseError {
            throw StoreFile.failure(path, error)
        }
    }

    private func queue(_ row: Row) throws -> StoredQueue {
        guard let id = Int64.fromDatabaseValue(row[0]) else { throw StoreFile.damage(path) }
        return StoredQueue(
            id: UInt64(bitPattern: id), address: String(decoding: try bytes(row, 1), as: UTF8.self),
            details: try bytes(row, 2))
    }

    private func message(_ row: Row, of queue: UInt64) throws -> StoredMessage {
        guard let place = Int64.fromDatabaseValue(row[0]), let arrival = Int64.fromDatabaseValue(row[1]) else {
            throw StoreFile.damage(path)
        }
        return StoredMessage(
            queue: queue, place: UInt64(bitPattern: place), arrival: Timestamp(milliseconds: arrival),
            bytes: try bytes(row, 2), details: try bytes(row, 3))
    }

    private func bytes(_ row: Row, _ index: Int) throws -> [UInt8] {
        try row.withUnsafeData(atIndex: index) { $0?.withUnsafeBytes { Array($0) } ?? [] }
    }

    // MARK: Writing

    /// Writes changes in one transaction, which is durable when this returns.
    func write(_ batch: StoreBatch) throws(ProtonError) {
        if batch.isEmpty { return }
        // SQLite would go on with a file that nobody finds again.
        guard FileIdentity(path) == identity else {
            throw ProtonError(
                .storeFailed,
                """
                The store \(path) was moved, deleted or replaced while it is open: put the same file back, or start the \
                broker again with the file that is to be used.
                """)
        }
        try StoreFile.translated(path) {
            try database.inDatabase { database in
                try database.inTransaction(.immediate) {
                    try write(batch, to: database)
                    return .commit
                }
            }
        }
    }

    private func write(_ batch: StoreBatch, to database: Database) throws {
        let remove = try database.cachedStatement(sql: StoreSchema.removeMessage)
        for place in batch.removals {
            try remove.execute(arguments: [Int64(bitPattern: place.queue), Int64(bitPattern: place.place)])
        }
        for (place, details) in batch.updates { try update(place, details, database) }
        let add = try database.cachedStatement(sql: StoreSchema.addMessage)
        for case .some(let change) in batch.changes {
            switch change {
            case .add(let message):
                guard message.bytes.count <= StoreSchema.largestMessage else {
                    throw ProtonError(
                        .storeFailed,
                        """
                        The store \(path) cannot take a message of \(message.bytes.count) bytes: allow at most \
                        \(StoreSchema.largestMessage) as `ConnectionLimits.maxMessageSize`.
                        """)
                }
                try add.execute(arguments: [
                    Int64(bitPattern: message.queue), Int64(bitPattern: message.place), message.arrival.milliseconds,
                    blob(message.bytes), blob(message.details),
                ])
            case .makeQueue(let queue):
                try database.execute(
                    sql: StoreSchema.makeQueue,
                    arguments: [Int64(bitPattern: queue.id), blob(Array(queue.address.utf8)), blob(queue.details)])
            case .removeQueue(let id):
                for sql in StoreSchema.removeQueue {
                    try database.execute(sql: sql, arguments: [Int64(bitPattern: id)])
                }
            case .remove, .update:
                // The batch keeps them apart.
                break
            }
        }
    }

    private func update(_ place: MessagePlace, _ details: [UInt8], _ database: Database) throws {
        let update = try database.cachedStatement(sql: StoreSchema.updateMessage)
        try update.execute(arguments: [
            blob(details), Int64(bitPattern: place.queue), Int64(bitPattern: place.place),
        ])
    }

    /// Bytes as SQLite takes them; none are NULL, which is what SQLite makes of an empty buffer.
    private func blob(_ bytes: [UInt8]) -> Data? {
        bytes.isEmpty ? nil : Data(bytes)
    }

    /// Gives some room back to the system where more than half of the file is free.
    /// - Returns: whether there is more to give.
    func giveBackRoom() throws(ProtonError) -> Bool {
        try StoreFile.translated(path) {
            try database.inDatabase { database in
                let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
                let all = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
                guard free > StoreFile.freePages, free > all / 2 else { return false }
                // Each page is a row of the answer, and is freed as that is read.
                let pages = min(free - StoreFile.freePages, StoreFile.freedPages)
                _ = try Row.fetchAll(database, sql: "PRAGMA incremental_vacuum(\(pages))")
                // The file itself becomes shorter here.
                _ = try Row.fetchAll(database, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
                return true
            }
        }
    }

    /// Closes the file, which another process may open then.
    func close() throws(ProtonError) {
        try StoreFile.translated(path) { try database.close() }
    }
}

#endif
