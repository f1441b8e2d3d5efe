// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Glibc
import Proton
import ProtonBroker
import ProtonBrokerStore
import Testing

/// A store whose disk fails: nothing is lost, and it says what is wrong.
struct FailureTests {
    /// Runs `store_writer starve`, with a disk of its own where that has to become full.
    private func starve(_ folder: Folder, _ cause: String, _ end: String) throws -> [String] {
        let arguments = ["starve", folder.file(), cause, end]
        let program =
            if cause == "disk" { try StoreProgram(onOwnDiskOf: 8 << 20, folder.path, arguments) } else {
                try StoreProgram(arguments)
            }
        program.read(atMost: .seconds(30))
        return program.lines
    }

    private static let causes = StoreProgram.canMount ? ["limit", "disk"] : ["limit"]
    private static let words = ["limit": "The disk of the store", "disk": "has no room left"]

    @Test(.timeLimit(.minutes(1)), arguments: causes) func itGoesOnWhereThereIsRoomAgain(_ cause: String) throws {
        let lines = try starve(Folder(), cause, "recover")
        let failing = try #require(lines.firstIndex { $0.hasPrefix("failing") }, "\(lines)")
        #expect(lines[failing].contains(try #require(Self.words[cause])), "\(lines)")
        // Said once, and taken back once.
        #expect(lines.filter { $0.hasPrefix("failing") }.count == 1, "\(lines)")
        #expect(lines.filter { $0 == "recovered" }.count == 1, "\(lines)")
        #expect(lines.dropFirst(failing + 1).first == "recovered", "\(lines)")
        #expect(lines.suffix(2) == ["written 101", "holds 100"], "\(lines)")
    }

    @Test(.timeLimit(.minutes(1)), arguments: causes) func closingSaysHowMuchIsLost(_ cause: String) throws {
        let lines = try starve(Folder(), cause, "close")
        let durable = lines.compactMap { $0.hasPrefix("written ") ? Int($0.dropFirst(8)) : nil }.last ?? 0
        let error = try #require(lines.dropLast().last, "\(lines)")
        #expect(error.contains("its last changes, which are lost: \(101 - durable)."), "\(lines)")
        #expect(lines.last == "holds \(max(0, durable - 1))", "\(lines)")
    }

    @Test(.timeLimit(.minutes(1))) func aFileThatIsMovedAwayIsMissed() throws {
        let folder = try Folder()
        let store = try SQLiteStore(folder.file())
        let reports = try store.started()
        #expect(reports.reaches(store.write(.makeQueue(queue(1)))))
        #expect(rename(folder.file(), folder.file("elsewhere")) == 0)
        let last = store.write(.add(message(1)))
        #expect(reports.tellsOfFailure("was moved, deleted or replaced"))
        #expect(reports.durable == [1])
        #expect(rename(folder.file("elsewhere"), folder.file()) == 0)
        #expect(reports.reaches(last))
        #expect(reports.all.suffix(2) == [.recovered, .written(upTo: last)])
        try store.close()
        #expect(try contents(folder.file()) == [.queue(queue(1)), .message(message(1))])
    }
}

#endif
