// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import GRDB
import Glibc
import Proton

/// Opens a file that is a store or a new one, and says why any other is refused.
extension StoreFile {
    // MARK: Before SQLite opens it

    /// Checks that a store may be at a path, which has a slash. The file is not opened here: to close it again would free
    /// the locks that another store of this process has on it (POSIX, `fcntl`).
    static func checkPlace(_ path: String) throws(ProtonError) {
        let folder = String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])
        var status = stat()
        guard stat(folder, &status) == 0 else {
            throw ProtonError(
                .storeFailed,
                "The folder \(folder) of the store \(path) cannot be used (\(systemError())): make it, or give another."
            )
        }
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw ProtonError(.storeFailed, "\(path) is no file that a store could be in: give another path.")
            }
            try checkAccess(path, W_OK, path)
        } else if errno != ENOENT {
            throw ProtonError(.storeFailed, "The store \(path) cannot be opened (\(systemError())): check the path.")
        }
        // The journal is made there each time.
        try checkAccess(folder, W_OK | X_OK, path)
    }

    private static func checkAccess(_ file: String, _ mode: Int32, _ path: String) throws(ProtonError) {
        guard faccessat(AT_FDCWD, file, mode, AT_EACCESS) != 0 else { return }
        throw ProtonError(
            .storeFailed,
            "The store \(path) cannot be written (\(systemError())): check the permissions of \(file), or give another path."
        )
    }

    private static func systemError() -> String { String(cString: strerror(errno)) }

    // MARK: Once it is open

    /// Makes the tables in a new file, or checks that the file is a store and not damaged.
    static func prepare(_ database: Database, _ path: String, _ maxBytes: Int?) throws {
        let isNew = try isNew(database, path)
        // Nothing is changed before this: the file may be somebody else's.
        if isNew { try database.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL") }
        guard try String.fetchOne(database, sql: "PRAGMA journal_mode = WAL") == "wal" else {
            throw ProtonError(.storeFailed, "The store \(path) cannot be written: check the permissions of its folder.")
        }
        // A transaction is durable when it is committed.
        try database.execute(sql: "PRAGMA synchronous = FULL")
        // What one large transaction leaves of the journal is cut off with the next one.
        try database.execute(sql: "PRAGMA journal_size_limit = \(16 << 20)")
        if !isNew {
            guard try String.fetchOne(database, sql: "PRAGMA quick_check(1)") == "ok" else { throw damage(path) }
            try database.inTransaction(.immediate) {
                // The tables may differ although the version is right.
                for sql in StoreSchema.statements { _ = try database.makeStatement(sql: sql) }
                return .commit
            }
            // This writes, so that a file that may only be read is refused here.
            try database.execute(sql: StoreSchema.removeStrays)
        } else {
            try database.inTransaction(.immediate) {
                try database.execute(sql: StoreSchema.tables)
                return .commit
            }
        }
        if let maxBytes {
            let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 4_096
            _ = try Int.fetchOne(database, sql: "PRAGMA max_page_count = \(max(1, maxBytes / pageSize))")
        }
    }

    /// - Returns: whether there is nothing in the file yet.
    /// - Throws: where there is anything but a store that this version can read.
    private static func isNew(_ database: Database, _ path: String) throws -> Bool {
        let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
        let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
        if application == StoreSchema.applicationID {
            guard version == StoreSchema.version else {
                throw ProtonError(
                    .storeFailed,
                    """
                    The store \(path) was made by another version of this program (its tables are of version \
                    \(version), and this program reads version \(StoreSchema.version)): use that one, or another file.
                    """)
            }
            return false
        }
        let entries = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
        guard application == 0, version == 0, entries == 0 else {
            throw ProtonError(
                .storeFailed, "\(path) is an SQLite database of another application: give another path for the store.")
        }
        return true
    }

    // MARK: Errors

    /// Runs `body`, and translates SQLite's errors.
    static func translated<Result>(_ path: String, _ body: () throws -> Result) throws(ProtonError) -> Result {
        do {
            return try body()
        } catch let error as ProtonError {
            throw error
        } catch let error as DatabaseError {
            throw failure(path, error)
        } catch {
            throw ProtonError(.storeFailed, "The store \(path) failed: \(error)", underlyingError: error)
        }
    }

    /// The error for a file whose contents are not what they should be.
    static func damage(_ path: String, _ error: DatabaseError? = nil) -> ProtonError {
        ProtonError(
            .storeFailed,
            """
            The store \(path) is damaged\(error.map { " (\(detail($0)))" } ?? ""): put a copy of it in its place, move it \
            away to begin with a new one, or save what can be read with sqlite3's .recover.
            """,
            underlyingError: error)
    }

    /// The error for an error of SQLite.
    static func failure(_ path: String, _ error: DatabaseError) -> ProtonError {
        let message =
            switch error.resultCode {
            case .SQLITE_NOTADB:
                "\(path) is no store, nor any other SQLite database: give another path for the store."
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                "The store \(path) is in use by another broker or program: end that one, or give another path."
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN, .SQLITE_AUTH:
                """
                The store \(path) cannot be written (\(detail(error))): check the permissions of the file, of \
                \(path)-wal, and of their folder.
                """
            case .SQLITE_FULL:
                "The store \(path) has no room left on its disk, or has reached its largest size: make room."
            case .SQLITE_IOERR:
                """
                The disk of the store \(path) fails (SQLite's error \(error.extendedResultCode)): check it, and the largest \
                size of a file that this process may write (ulimit -f).
                """
            default:
                "The store \(path) failed: \(detail(error))."
            }
        switch error.resultCode {
        case .SQLITE_CORRUPT, .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
            return damage(path, error)
        default:
            return ProtonError(.storeFailed, message, underlyingError: error)
        }
    }

    private static func detail(_ error: DatabaseError) -> String {
        error.message ?? "\(error.extendedResultCode)"
    }
}

#endif
