import Glibc
public import Logging
import Proton
public import ProtonBroker
import ProtonUtilities

/// A store in one SQLite file: what it has told to be written survives a crash of the system.
///
///     let store = try SQLiteStore("/var/lib/broker/messages.sqlite")
///
/// A thread of its own writes: all changes that come while one transaction is on its way to the disk are the next one, so
/// that the disk's syncs are shared (SQLite's write-ahead log, `synchronous = FULL`). A message that comes and goes
/// meanwhile is never written. Only what is still to be written is held in memory.
///
/// The file belongs to one process at a time; beside it are `…-wal` while it is open, and after a crash. Room that becomes
/// free in it is used again, and given back to the system when more than half is free and nothing comes for a second.
/// A message may have 999,000,000 bytes: a broker's `ConnectionLimits.maxMessageSize` has to be no larger, and is much
/// smaller by default. All members may be used from any thread.
public final class SQLiteStore: MessageStore {
    private let writer: StoreWriter
    private let file: StoreFile

    /// How long `close` waits for the disk.
    private static let closePatience = Duration.seconds(60)

    /// Opens a store, or makes one where there is no file; all of an existing file is checked.
    /// - Parameters:
    ///   - path: the file; its folder has to be there.
    ///   - maxBytes: how large the file may become, without its journal: what comes beyond waits, as with a full disk.
    ///     At least 64 kB; default as large as the disk has room.
    ///   - logger: where failures to write are told.
    /// - Throws: `ProtonError.Code.storeFailed` where the file is another application's, of a newer version, damaged, in
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
        // What nobody has closed is written still, and the file closed: by the thread.
        writer.intake.withLock { $0.close() }
    }

    public func recover(_ take: (StoredItem) throws -> Void) throws {
        try file.read(take)
    }

    public func start(_ progress: @escaping @Sendable (_ written: UInt64) -> Void) throws {
        try writer.intake.withLock { intake throws(ProtonError) in try intake.start(progress) }
    }

    public func write(_ change: StoreChange) -> UInt64 {
        writer.intake.update { $0.append(change) }
    }

    public func atomically<Failure: Error>(_ body: () throws(Failure) -> Void) throws(Failure) {
        let thread = pthread_self()
        // Another thread's changes that are one end at once: they wait for nothing.
        _ = writer.intake.wait(until: Deadline(after: nil)) { $0.enterScope(thread) }
        defer { writer.intake.update { ((), $0.leaveScope()) } }
        try body()
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
