// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

/// Something that is tried on each peer: a row of the table.
struct Feature: Sendable, CustomTestStringConvertible {
    /// The row's name.
    let name: String
    /// The peers that must have it; with others either is fine, and the table says what is so.
    let needed: Set<Peer>
    /// Tries it on a connected thread of its own; returns what is to be said about it, mostly nothing.
    /// Throws what the peer answered where it does not have the feature.
    let check: @Sendable (Peer) throws -> String

    init(_ name: String, needed: Set<Peer>, _ check: @escaping @Sendable (Peer) throws -> String) {
        (self.name, self.needed, self.check) = (name, needed, check)
    }

    var testDescription: String { name }

    /// The rows, in the table's order.
    static let all: [Feature] =
        connecting + transfers + messages + nodes + links + transactions + programs + toolCommands + manageProgram
        + restarts
}

extension Set<Peer> {
    static let all = Set(Peer.allCases)
}

/// What a peer does instead of what was asked of it.
struct Lacking: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// There is nothing to try: the feature is another peer's.
struct NotApplicable: Error {}

/// - Throws: `Lacking` where a condition does not hold.
func require(_ condition: Bool, _ otherwise: @autoclosure () -> String) throws {
    if !condition { throw Lacking(otherwise()) }
}

extension BlockingReceiver {
    /// Waits for a message where one must come, and accepts it where it has not been sent settled.
    func take() throws -> Message {
        let message = try receive(timeout: .seconds(5))
        try settleIfNeeded(.accepted)
        return message
    }

    /// The next message, nil where none comes for a second.
    func next() throws -> Message? {
        do {
            return try receive(timeout: .seconds(1))
        } catch let error as ProtonError where error.code == .timedOut {
            return nil
        }
    }

    /// Settles the oldest message that is not settled, where there is one.
    func settleIfNeeded(_ outcome: DeliveryState) throws {
        do {
            try settle(outcome)
        } catch let error as ProtonError where error.code == .invalidArgument {}
    }

    /// Gives the oldest message an outcome that is to reach the peer.
    func settleAtPeer(_ outcome: DeliveryState) throws {
        do {
            try settle(outcome)
        } catch let error as ProtonError where error.code == .invalidArgument {
            throw Lacking("sends messages settled: no outcome reaches it")
        }
    }
}
