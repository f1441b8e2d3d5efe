// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DatabaseSupport
import GRDB
import Proton

/// Makes a database for `db_send` and `db_recv`, fills it from standard input, or lists what is in it.
@main
struct Program: ParsableCommand {
    enum Action: String, ExpressibleByArgument, CaseIterable {
        case `init`, insert, list
    }

    static let configuration = CommandConfiguration(
        commandName: "db_ctrl", abstract: "Make, fill or list a database for db_send and db_recv.")

    @Argument(help: "what to do: init, insert (the lines of standard input) or list")
    var action: Action

    @Argument(help: "the file of the database")
    var db: String

    func run() throws {
        let queue = try action == .`init` ? DatabaseQueue(path: db) : openRecords(db)
        switch action {
        case .`init`:
            try queue.write { database in
                try database.execute(
                    sql: """
                        DROP TABLE IF EXISTS records;
                        CREATE TABLE records(id INTEGER PRIMARY KEY AUTOINCREMENT, description TEXT);
                        """)
            }
        case .list:
            let records: [TextRecord] = try queue.read { try TextRecord.fetchAll($0, sql: "SELECT * FROM records") }
            for record in records {
                // As Python prints a row.
                let description: AMQPValue = record.description.map { .string($0) } ?? .null
                print("(\(record.id), \(description.debugDescription))")
            }
        case .insert:
            let lines = sequence(state: ()) { _ in readLine() }
            try queue.write { database in
                for line in lines {
                    try database.execute(sql: "INSERT INTO records(description) VALUES (?)", arguments: [line])
                }
            }
        }
    }
}
