/// The tables of a store, and what is said to SQLite.
///
/// Numbers of 64 bits are stored with their bits as they are: those with the highest bit set are negative there.
enum StoreSchema {
    /// What marks an SQLite file as a store of this package: the letters AMQP.
    static let applicationID = 0x414D_5150
    /// The version of the tables, which rises when older programs could not read them.
    static let version = 1
    /// The most bytes of a message: with the rest of its row they stay below what SQLite allows, 1,000,000,000.
    static let largestMessage = 999_000_000

    /// Makes the tables.
    ///
    /// Messages lie in the order of their coming, found by an index: in a table without row numbers each of a few hundred
    /// bytes and more would take a page of its own. An address is a blob, since a text would end with its first zero.
    static let tables = """
        CREATE TABLE queues (id INTEGER PRIMARY KEY, address BLOB, details BLOB) STRICT;
        CREATE TABLE messages (
            queue INTEGER NOT NULL, place INTEGER NOT NULL, arrival INTEGER NOT NULL, bytes BLOB,
            PRIMARY KEY (queue, place)
        ) STRICT;
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(version);
        """

    // To replace is to be able to write a group again of which nobody knows whether it was written.
    static let addMessage = "INSERT OR REPLACE INTO messages (queue, place, arrival, bytes) VALUES (?, ?, ?, ?)"
    static let makeQueue = "INSERT OR REPLACE INTO queues (id, address, details) VALUES (?, ?, ?)"
    static let removeMessage = "DELETE FROM messages WHERE queue = ? AND place = ?"
    static let removeQueue = ["DELETE FROM messages WHERE queue = ?", "DELETE FROM queues WHERE id = ?"]
    /// Removes messages whose queue is not there.
    static let removeStrays = "DELETE FROM messages WHERE queue NOT IN (SELECT id FROM queues)"

    static let queues = "SELECT id, address, details FROM queues ORDER BY id"
    /// The messages of a queue: first the half with positive numbers, then the other.
    static let messages = ["place >= 0", "place < 0"].map {
        "SELECT place, arrival, bytes FROM messages WHERE queue = ? AND \($0) ORDER BY place"
    }

    /// All that is said of the tables.
    static let statements = [addMessage, makeQueue, removeMessage, queues] + removeQueue + messages
}
