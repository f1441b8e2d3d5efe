// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import GRDB
import Proton
import ProtonBroker
import Testing

@testable import ProtonBrokerStore
@testable import store_writer

/// What a store keeps of messages besides what came: their details, which may change.
struct UpdateTests {
    private static func update(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        .update(queue: 1, place: place, details: details)
    }

    private static func added(_ place: UInt64, _ details: UInt8...) -> StoreChange {
        var message = message(place)
        message.details = details
        return .add(message)
    }

    @Test func detailsComeBack() throws {
        let folder = try Folder()
        var store = try SQLiteStore(folder.file())
        _ = store.write(.makeQueue(queue(1)))
        for place in UInt64(1)...4 { _ = store.write(.add(message(place))) }
        // One in the transaction of its coming, the others later.
        _ = store.write(Self.update(1, 1))
        try store.close()
        store = try SQLiteStore(folder.file())
        let reports = try store.started()
        _ = store.write(Self.update(2, 2, 2))
        _ = store.write(Self.update(4, 4))
        // What is not there has no details.
        #expect(reports.reaches(store.write(Self.update(9, 9))))
        _ = store.write(Self.update(4))
        try store.close()
        let details = try contents(folder.file()).compactMap {
            if case .message(let message) = $0 { message.details } else { nil }
        }
        #expect(details == [[1], [2, 2], [], []])
    }

    // MARK: Through a broker

    /// A broker's process that works with a store.
    private func serve(_ folder: Folder) throws -> (program: StoreProgram, connection: BlockingConnection) {
        let program = try StoreProgram("serve", folder.file(), "1")
        program.read(lines: 1, atMost: .seconds(10))
        let port = try #require(program.lines.first.flatMap { Int($0) }, "\(program.lines)")
        return (program, try BlockingConnection("127.0.0.1:\(port)"))
    }

    @Test(.timeLimit(.minutes(1))) func whatWasInVainIsKnownAfterACrash() throws {
        let folder = try Folder()
        var (program, connection) = try serve(folder)
        var sender = try connection.createSender("q")
        for text in ["a", "b", "c", "d"] { _ = try sender.send(Message(body: text, isDurable: true)) }
        var receiver = try connection.createReceiver("q", credit: 3)
        for text in ["a", "b", "c"] {
            #expect(try receiver.receive().body == .value(.string(text)))
        }
        // Each is settled in its turn: the first one failed, the second did not, and the third is not settled.
        try receiver.settle(
            .modified(deliveryFailed: true, undeliverableHere: false, annotations: ["x-opt-why": "no room"]))
        try receiver.settle(.released)
        // By the second answer the broker has both, and has written what came of them.
        for text in ["e", "f"] { _ = try sender.send(Message(body: text, isDurable: true)) }
        program.kill()
        (program, connection) = try serve(folder)
        defer { program.kill() }
        sender = try connection.createSender("other")
        receiver = try connection.createReceiver("q", credit: 10)
        let messages = try (0..<6).map { _ in try receiver.receive() }
        #expect(messages.map(\.body) == ["a", "b", "c", "d", "e", "f"].map { .value(.string($0)) })
        #expect(messages.map(\.deliveryCount) == [1, 0, 0, 0, 0, 0])
        #expect(messages.map { $0.annotations["x-opt-why"] } == ["no room", nil, nil, nil, nil, nil])
    }
}

#endif
