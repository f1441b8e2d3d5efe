// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

/// The tables of a store, and its SQL statements.
///
/// Numbers of 64 bits are stored with their bits as they are: those with the highest bit set are negative there.
enum StoreSchema {
    /// What marks an SQLite file as a store of this package: the letters AMQP.
    static let applicationID = 0x414D_5150
    /// The version of the tables. A file with another one is refused.
    static let version = 1
    /// The most bytes of a message: with the rest of its row they stay below what SQLite allows, 1,000,000,000.
    static let largestMessage = 999_000_000

    /// Makes the tables.
    ///
    /// Messages are in the order of their arrival, and have an index: in a table without row numbers, each message of a
    /// few hundred bytes or more would take a page of its own. An address is a blob, since a text would end at its first
    /// zero.
    static let tables = """
        CREATE TABLE queues (id INTEGER PRIMARY KEY, address BLOB, details BLOB) STRICT;
        CREATE TABLE messages (
            queue INTEGER NOT NULL, place INTEGER NOT NULL, arrival INTEGER NOT NULL, bytes BLOB, details BLOB,
            PRIMARY KEY (queue, place)
        ) STRICT;
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        """

    // They replace, since a batch is written again whose write has failed at an unknown moment.
    static let addMessage =
        "INSERT OR REPLACE INTO messages (queue, place, arrival, bytes, details) VALUES (?, ?, ?, ?, ?)"
    static let makeQueue = "INSERT OR REPLACE INTO queues (id, address, details) VALUES (?, ?, ?)"
    static let updateMessage = "UPDATE messages SET details = ? WHERE queue = ? AND place = ?"
    static let removeMessage = "DELETE FROM messages WHERE queue = ? AND place = ?"
    static let removeQueue = ["DELETE FROM messages WHERE queue = ?", "DELETE FROM queues WHERE id = ?"]
    /// Removes messages whose queue is not there.
    static let removeStrays = "DELETE FROM messages WHERE queue NOT IN (SELECT id FROM queues)"

    static let queues = "SELECT id, address, details FROM queues ORDER BY id"
    /// The messages of a queue: first the half with positive numbers, then the other.
    static let messages = ["place >= 0", "place < 0"].map {
        "SELECT place, arrival, bytes, details FROM messages WHERE queue = ? AND \($0) ORDER BY place"
    }

    /// The statements that need all tables and columns.
    static let statements = [addMessage, updateMessage, makeQueue, removeMessage, queues] + removeQueue + messages
}

#endif
