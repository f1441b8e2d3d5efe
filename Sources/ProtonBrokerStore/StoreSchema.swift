/// The tables of a store, and what is said to SQLite.
///
/// Numbers of 64 bits are stored with their bits as they are: those with the highest bit set are negative there.
enum StoreSchema {
    /// What marks an SQLite file as a store of this package: the letters AMQP.
    static let applicationID = 0x414D_5150
    /// The version of the tables, which rises when older programs could not read them.
    static let version = 2
    /// The most bytes of a message: with the rest of its row they stay below what SQLite allows, 1,000,000,000.
    static let largestMessage = 999_000_000

    /// Makes the tables.
    ///
    /// Messages lie in the order of their coming, found by an index: in a table without row numbers each of a few hundred
    /// bytes and more would take a page of its own. An address is a blob, since a text would end with its first zero.
    static let tables = """
        CREATE TABLE queues (id INTEGER PRIMARY KEY, address BLOB, details BLOB) STRICT;
        CREATE TABLE messages (
            queue INTEGER NOT NULL, place INTEGER NOT NULL, arrival INTEGER NOT NULL, bytes BLOB, details BLOB,
            PRIMARY KEY (queue, place)
        ) STRICT;
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        """

    /// What makes the tables those of the next version, by the version that they are.
    private static let steps = [
        1: "ALTER TABLE messages ADD COLUMN details BLOB"
    ]

    /// Makes the tables of an older version, 1 at least, those of this one.
    static func migration(from version: Int) -> String {
        let steps = (version..<self.version).compactMap { Self.steps[$0] } + ["PRAGMA user_version = \(self.version)"]
        return steps.joined(separator: ";\n")
    }

    // To replace is to be able to write a group again of which nobody knows whether it was written.
    static let addMessage = "INSERT OR REPLACE INTO messages (queue, place, arrival, bytes) VALUES (?, ?, ?, ?)"
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

    /// All that is said of the tables.
    static let statements = [addMessage, updateMessage, makeQueue, removeMessage, queues] + removeQueue + messages
}
