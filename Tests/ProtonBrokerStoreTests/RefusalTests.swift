// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import GRDB
import Proton
import ProtonBroker
import ProtonBrokerStore
import Testing

/// Files that are no store to be opened, or not now.
struct RefusalTests {
    /// Something wrong, how it comes about, and a part of what is said of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let words: String
        let make: @Sendable (Folder) throws -> String

        init(_ name: String, _ words: String, _ make: @escaping @Sendable (Folder) throws -> String) {
            (testDescription, self.words, self.make) = (name, words, make)
        }
    }

    static let cases = [
        Case("a text", "nor any other SQLite database") { folder in
            try Data("Dear diary, today I was opened as a database. ".utf8).write(to: folder, times: 100)
        },
        Case("a few bytes", "nor any other SQLite database") { folder in try Data("x = 1".utf8).write(to: folder) },
        Case("bytes of zero", "nor any other SQLite database") { folder in
            try Data(count: 8_192).write(to: folder)
        },
        Case("another application's tables", "of another application") { folder in
            try database(folder, "CREATE TABLE records (id INTEGER PRIMARY KEY)")
        },
        Case("another application's number", "of another application") { folder in
            try database(folder, "PRAGMA application_id = 1196444487")
        },
        Case("another application's journal", "of another application") { folder in
            try database(folder, "PRAGMA journal_mode = WAL; CREATE TABLE records (id INTEGER PRIMARY KEY)")
        },
        Case("a newer version", "its tables are of version 2, and this program reads version 1") { folder in
            try store(folder, "PRAGMA user_version = 2")
        },
        Case("a version that never was", "its tables are of version 0") { folder in
            try store(folder, "PRAGMA user_version = 0")
        },
        Case("a table too few", "is damaged") { folder in try store(folder, "DROP TABLE messages") },
        Case("a column too few", "is damaged") { folder in try store(folder, "ALTER TABLE queues DROP COLUMN details")
        },
        Case("a message's column too few", "is damaged") { folder in
            try store(folder, "ALTER TABLE messages DROP COLUMN details")
        },
        Case("pages of other bytes", "is damaged") { folder in
            try store(folder) { data in
                for page in 2..<data.count / 4_096 { data[page * 4_096 + 5] ^= 0xff }
            }
        },
        Case("pages that are gone", "is damaged") { folder in try store(folder) { $0 = $0.prefix(4 * 4_096) } },
        Case("a header of other bytes", "is damaged") { folder in
            try store(folder) { data in for index in 100..<200 { data[index] = 0xa5 } }
        },
        Case("a folder", "is no file that a store could be in") { folder in folder.path },
        Case("a device", "is no file that a store could be in") { _ in "/dev/null" },
        Case("no name", "is no file that a store could be in") { _ in "" },
        Case("no folder", "make it, or give another") { folder in folder.path + "/none/store.sqlite" },
        Case("a file as a folder", "make it, or give another") { folder in
            try Data().write(to: folder) + "/store.sqlite"
        },
        Case("a system's folder", "cannot be written") { _ in "/proc/self/store.sqlite" },
    ]

    @Test(arguments: cases) func itIsRefusedAndLeftAsItIs(_ refused: Case) throws {
        let folder = try Folder()
        let path = try refused.make(folder)
        let before = FileManager.default.contents(atPath: path)
        for _ in 0..<2 {
            let error = try #require(throws: ProtonError.self) { try SQLiteStore(path) }
            #expect(error.code == .storeFailed)
            #expect(error.message.contains(refused.words), "\(error)")
            #expect(FileManager.default.contents(atPath: path) == before)
        }
    }

    @Test func aStoreIsOpenedOnce() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        for _ in 0..<2 {
            let error = try #require(throws: ProtonError.self) { try SQLiteStore(folder.file()) }
            #expect(error.message.contains("is in use by another broker or program"), "\(error)")
        }
        // Another process is refused, too: also after this one's second try, which must not have freed the lock.
        let program = try StoreProgram("write", folder.file(), "1")
        program.read(lines: 1, atMost: .seconds(10))
        #expect(program.lines.first?.contains("is in use by another broker or program") == true, "\(program.lines)")
        try store.close()
        #expect(try contents(folder.file()) == [])
    }

    @Test func aStoreOfAnotherProcessIsRefused() throws {
        let folder = try Folder()
        let program = try StoreProgram("write", folder.file(), "1")
        program.read(lines: 1, atMost: .seconds(10))
        #expect(program.lines.first.flatMap { UInt64($0) } != nil, "\(program.lines)")
        let error = try #require(throws: ProtonError.self) { try SQLiteStore(folder.file()) }
        #expect(error.message.contains("is in use by another broker or program"), "\(error)")
        program.kill()
        #expect(try !contents(folder.file()).isEmpty)
    }

    @Test(arguments: [true, false]) func whatMayOnlyBeReadIsRefused(_ isThere: Bool) throws {
        let folder = try Folder()
        if isThere { try SQLiteStore(folder.file()).close() }
        chmod(folder.file(), 0o444)
        chmod(folder.path, 0o555)
        // Nobody opens it where root runs this.
        let program = try StoreProgram("open", folder.file())
        program.read(atMost: .seconds(10))
        #expect(program.lines.count == 1)
        #expect(program.lines.first?.contains("cannot be written") == true, "\(program.lines)")
        chmod(folder.path, 0o755)
        try SQLiteStore(folder.file()).close()
    }

    @Test func aLimitTooSmallIsRefused() throws {
        let folder = try Folder()
        let error = try #require(throws: ProtonError.self) { try SQLiteStore(folder.file(), maxBytes: 65_535) }
        #expect(error.code == .invalidArgument)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
    }

    @Test func anEmptyFileIsANewStore() throws {
        let folder = try Folder()
        let store = try SQLiteStore(Data().write(to: folder))
        _ = store.write(.makeQueue(queue(1)))
        try store.close()
        #expect(try contents(folder.file()) == [.queue(queue(1))])
    }
}

extension Data {
    /// Writes itself, several times over, to a file in a folder.
    /// - Returns: the path of the file.
    fileprivate func write(to folder: Folder, times count: Int = 1) throws -> String {
        try Data(repeatElement(self, count: count).joined()).write(to: URL(fileURLWithPath: folder.file()))
        return folder.file()
    }
}

/// Makes an SQLite database, or changes one.
private func database(_ folder: Folder, _ sql: String) throws -> String {
    let database = try DatabaseQueue(path: folder.file())
    try database.writeWithoutTransaction { try $0.execute(sql: sql) }
    try database.close()
    return folder.file()
}

/// Makes a store with something in it.
private func store(_ folder: Folder) throws -> String {
    let store = try SQLiteStore(folder.file())
    _ = store.write(.makeQueue(queue(1)))
    for place in UInt64(1)...500 { _ = store.write(.add(message(place, [UInt8](repeating: 7, count: 200)))) }
    try store.close()
    return folder.file()
}

/// Makes a store with something in it, which SQL has changed.
private func store(_ folder: Folder, _ sql: String) throws -> String {
    _ = try store(folder)
    return try database(folder, sql)
}

/// Makes a store with something in it, whose bytes were changed.
private func store(_ folder: Folder, _ change: (inout Data) -> Void) throws -> String {
    var data = try Data(contentsOf: URL(fileURLWithPath: store(folder)))
    change(&data)
    return try data.write(to: folder)
}

#endif
