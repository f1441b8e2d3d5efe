// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

public import Logging
import Proton
public import ProtonBroker
import ProtonUtilities

/// A store in one SQLite file: the groups that it reports as durable survive a crash of the system.
///
///     let store = try SQLiteStore("/var/lib/broker/messages.sqlite")
///
/// A thread of its own writes: all groups that arrive while one transaction goes to the disk are the next transaction, so
/// that they share a sync (SQLite's write-ahead log, `synchronous = FULL`). A message that is added and removed meanwhile
/// is never written. Only the changes that are not durable yet are held in memory.
///
/// Where a write fails, as with a full disk, the store keeps the changes and tries again: first after 250 milliseconds,
/// then less and less often, every 2 seconds at last. It logs the failure once, and its end. The same holds where the file
/// is moved, deleted or replaced while it is open, until it is back.
///
/// The file belongs to one process at a time; beside it is `…-wal` while it is open, and after a crash. Free room in the
/// file is used again, and given back to the system when more than half is free and no group arrives for a second.
/// A message may have 999,000,000 bytes: a broker's `ConnectionLimits.maxMessageSize` has to be no larger, and is much
/// smaller by default. All members may be used from any thread; a report must not call `close`.
public final class SQLiteStore: MessageStore {
    private let writer: StoreWriter
    private let file: StoreFile

    /// How long `close` waits for the disk.
    private static let closePatience = Duration.seconds(60)

    /// Opens a store, or makes one where there is no file; an existing file is checked.
    ///
    /// The check reads the file once (SQLite's `quick_check`), and needs 2 MB of memory whatever its size.
    /// - Parameters:
    ///   - path: the file; its folder has to be there.
    ///   - maxBytes: the largest size of the file, without `…-wal`; beyond it writes fail, as with a full disk. At least 64 kB;
    ///     default no limit but the disk.
    ///   - logger: where failures to write are logged.
    /// - Throws: `ProtonError.Code.storeFailed` where the file is another application's, of another version, damaged, in
    ///   use by another process, or cannot be written; `.invalidArgument` for a limit that is too small;
    ///   `.limitExceeded` where the system has no thread left.
    public init(
        _ path: String, maxBytes: Int? = nil, logger: Logger = Logger(label: "proton.broker.store")
    ) throws {
        if let maxBytes, maxBytes < 65_536 {
            throw ProtonError(.invalidArgument, "A store of at most \(maxBytes) bytes is too small: allow 65,536.")
        }
        let file = try StoreFile(path, maxBytes: maxBytes)
        let writer = StoreWriter(file, logger)
        self.file = file
        self.writer = writer
        guard let thread = Thread.start({ writer.run() }) else {
            try? file.close()
            throw ProtonError(
                .limitExceeded, "No thread can be started for the store: is a limit of the system reached?")
        }
        thread.detach()
    }

    deinit {
        // The thread still writes what is there, and closes the file.
        writer.intake.withLock { $0.close() }
    }

    public func recover(_ take: (StoredItem) throws -> Void) throws {
        try file.read(take)
    }

    public func start(_ report: @escaping @Sendable (StoreReport) -> Void) throws {
        try writer.intake.withLock { intake throws(ProtonError) in try intake.start(report) }
    }

    public func write(_ group: [StoreChange]) -> UInt64 {
        writer.intake.update { $0.append(group) }
    }

    public func close() throws {
        writer.intake.withLock { $0.close() }
        let end = writer.intake.wait(until: Deadline(after: Self.closePatience)) { $0.ending }
        guard let end else {
            throw ProtonError(
                .storeFailed, "The store \(file.path) is not closed after a minute: its disk does not answer.")
        }
        try end.get()
    }
}

#endif
