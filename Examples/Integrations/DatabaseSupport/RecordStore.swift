// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import GRDB
public import Proton
import Synchronization

/// A row of the table `records`.
public struct TextRecord: Codable, FetchableRecord, Sendable {
    public let id: Int64
    public let description: String?
}

/// The table `records` of a database, which works in a thread of its own.
///
/// What it is asked for it does in order, each in a transaction; then it has an event handed to the container.
public final class RecordStore: Sendable {
    public let injector: EventInjector
    private let queue: DatabaseQueue
    /// The last record that was loaded.
    private let position = Mutex<Int64?>(nil)

    /// Opens a database that `db_ctrl init` has made.
    public init(_ path: String, _ injector: EventInjector) throws {
        queue = try openRecords(path)
        self.injector = injector
    }

    /// Lets the container end, once what was asked for before is done.
    public func close() {
        queue.asyncWriteWithoutTransaction { [injector] _ in injector.close() }
    }

    /// Begins with the first record again.
    public func reset() {
        perform { [self] _ in position.withLock { $0 = nil } }
    }

    /// Loads the next records: an array of `TextRecord` is the event's subject.
    public func load(atMost count: Int, _ event: ApplicationEvent) {
        perform(event) { [self] database in
            let records = try TextRecord.fetchAll(
                database, sql: "SELECT * FROM records WHERE id > ? ORDER BY id LIMIT ?",
                arguments: [position.withLock { $0 } ?? 0, count])
            if let last = records.last { position.withLock { $0 = last.id } }
            return records
        }
    }

    /// Finds out the highest id, or 0: an `Int64` is the event's subject.
    public func lastID(_ event: ApplicationEvent) {
        perform(event) { try Int64.fetchOne($0, sql: "SELECT MAX(id) FROM records") ?? 0 }
    }

    /// Adds a record.
    public func insert(_ id: Int64, _ description: String, _ event: ApplicationEvent) {
        perform(event) { database in
            try database.execute(
                sql: "INSERT INTO records(id, description) VALUES (?, ?)", arguments: [id, description])
            return nil
        }
    }

    /// Takes a record out.
    public func delete(_ id: Int64) {
        perform { try $0.execute(sql: "DELETE FROM records WHERE id = ?", arguments: [id]) }
    }

    private func perform(_ work: @escaping @Sendable (Database) throws -> Void) {
        perform(nil) { database in
            try work(database)
            return nil
        }
    }

    /// Does something in a transaction, and has the event handed to the container once it is committed; where it fails,
    /// an event `failed` with the error.
    private func perform(
        _ event: ApplicationEvent?, _ work: @escaping @Sendable (Database) throws -> (any Sendable)?
    ) {
        queue.asyncWrite(work) { [injector] _, result in
            switch result {
            case .success(let subject):
                guard var event else { return }
                event.subject = subject
                injector.trigger(event)
            case .failure(let error):
                injector.trigger(ApplicationEvent("failed", subject: "\(error)"))
            }
        }
    }
}

/// Opens a database that has the table `records`.
/// - Throws: `DatabaseFailure` where there is none.
public func openRecords(_ path: String) throws -> DatabaseQueue {
    // Opened for writing, a file that is missing would be made.
    let hasRecords = try? DatabaseQueue(path: path, configuration: readOnly).read { try $0.tableExists("records") }
    guard hasRecords == true else {
        throw DatabaseFailure("\(path) has no table of records: make it with `db_ctrl init \(path)`.")
    }
    return try DatabaseQueue(path: path)
}

private var readOnly: Configuration {
    var configuration = Configuration()
    configuration.readonly = true
    return configuration
}

/// The database could not do what it was asked for.
public struct DatabaseFailure: Error, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }

    /// The failure that an event tells of.
    public init(_ event: ApplicationEvent) {
        description = "The database: \(event.subject as? String ?? "it failed")"
    }
}
