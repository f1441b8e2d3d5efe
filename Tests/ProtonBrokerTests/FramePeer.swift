// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting

/// A frame of a `ScriptedPeer`; `Frame` is one that a `Wire` writes.
typealias PeerFrame = ProtonTesting.Frame

/// A client that writes frame by frame, as foreign clients do, and waits for those of the broker that a test is about.
final class FramePeer {
    private let peer: ScriptedPeer
    /// What the broker says of itself.
    let open: PeerFrame
    /// The frames that came and were not waited for.
    private(set) var unread: [PeerFrame] = []
    private var syncCount: UInt32 = 0

    /// Connects, and begins a session.
    init(_ broker: Broker, id: String = "peer") throws {
        peer = try ScriptedPeer(connectingTo: broker.port)
        open = try peer.handshake(.open(id))
        try peer.send(.begin(["incoming-window": 1_000_000]))
        try peer.expect(.begin)
    }

    func send(_ frames: PeerFrame...) throws { try peer.send(frames) }

    /// Goes without a word.
    func vanish() { peer.close() }

    /// Waits for a frame, and leaves what comes before it unread.
    @discardableResult
    func wait(_ kind: PeerFrame.Kind, where isRight: (PeerFrame) -> Bool = { _ in true }) throws -> PeerFrame {
        if let index = unread.firstIndex(where: { $0.kind == kind && isRight($0) }) { return unread.remove(at: index) }
        while true {
            let frame = try peer.receive()
            if frame.kind == kind, isRight(frame) { return frame }
            unread.append(frame)
        }
    }

    /// Waits for the answer to the attach of a link.
    @discardableResult
    func waitAttach(_ name: String = "link") throws -> PeerFrame {
        try wait(.attach) { $0["name"] == .string(name) }
    }

    /// Attaches a link, and waits for the answer.
    @discardableResult
    func attach(_ frame: PeerFrame) throws -> PeerFrame {
        try send(frame)
        return try waitAttach(frame["name"].stringValue ?? "")
    }

    /// Waits until the broker has done what was asked of it so far.
    ///
    /// It handles frames in order, and what it puts off until after those that came together by the time it reads again.
    func sync() throws {
        for _ in 0..<2 {
            syncCount += 1
            try attach(.attach(receivingFrom: "sync", name: "sync \(syncCount)", handle: 1_000 + syncCount))
        }
    }

    /// Whether a frame has come that was not waited for.
    func hasUnread(_ kind: PeerFrame.Kind, where isRight: (PeerFrame) -> Bool = { _ in true }) -> Bool {
        unread.contains { $0.kind == kind && isRight($0) }
    }

    // MARK: Transactions

    /// The handle of the link to the coordinator.
    private static let coordinator: UInt32 = 999
    private var requestCount: UInt32 = 1_000_000

    /// Attaches a link to the coordinator.
    func attachCoordinator() throws {
        try attach(
            .attach(
                sendingTo: "", name: "coordinator", handle: FramePeer.coordinator,
                ["target": .terminus(0x30, [])]))
    }

    /// Asks the coordinator for something, without waiting.
    /// - Parameter id: the number of the delivery, which has to follow that of the last one.
    func request(_ id: UInt32, _ code: UInt64, _ fields: [AMQPValue]) throws {
        let body = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        try send(.transfer(id, Message(body: .value(body)), handle: FramePeer.coordinator))
    }

    /// Begins a transaction.
    /// - Returns: its id.
    func declare(_ id: UInt32) throws -> [UInt8] {
        try request(id, 0x31, [])
        guard case .declared(let transaction)? = try waitOutcome(id).state else {
            throw ProtonError(.linkError, "The transaction is not declared.")
        }
        return transaction
    }

    /// Ends a transaction, without waiting.
    func discharge(_ id: UInt32, _ transaction: [UInt8], fails: Bool = false) throws {
        try request(id, 0x32, [.binary(transaction), .boolean(fails)])
    }

    /// Waits for what the broker says of a message that was sent.
    @discardableResult
    func waitOutcome(_ id: UInt32) throws -> PeerFrame {
        try wait(.disposition) { $0.isOutcome(of: id) }
    }
}

extension PeerFrame {
    /// Whether it is what the broker says of a message that was sent.
    func isOutcome(of id: UInt32) -> Bool {
        let first = Int(self.deliveryID)
        return kind == .disposition && self["role"] == true
            && (first...max(first, self["last"].intValue ?? first)).contains(Int(id))
    }

    /// The text of the message of a transfer.
    var text: String { (try? message().text) ?? "" }

    /// The fields of a source or a target; empty where it is null.
    func terminus(_ name: String) -> [AMQPValue] {
        guard case .described(let described) = self[name], case .list(let fields) = described.value else { return [] }
        return fields
    }

    /// The capabilities of a source or a target.
    func capabilities(_ name: String) -> [Symbol] {
        let (fields, index) = (terminus(name), name == "source" ? 10 : 6)
        guard index < fields.count else { return [] }
        switch fields[index] {
        case .symbol(let symbol): return [symbol]
        case .array(let array): return array.elements.compactMap { $0.symbolValue }
        default: return []
        }
    }

    /// A source or a target with some fields by their places in the list.
    static func terminus(_ code: UInt64, _ fields: [Int: AMQPValue]) -> AMQPValue {
        let count = (fields.keys.max() ?? -1) + 1
        return .terminus(code, (0..<count).map { fields[$0] ?? .null })
    }

    /// An attach of a durable subscriber, as JMS clients write it.
    static func subscribe(_ topic: String, name: String = "link", handle: UInt32 = 0) -> PeerFrame {
        let fields: [Int: AMQPValue] = [
            0: .string(topic), 1: .uint(2), 2: .symbol("never"), 10: .array(AMQPArray(["topic" as Symbol])),
        ]
        return .attach(receivingFrom: "", name: name, handle: handle, ["source": terminus(0x28, fields)])
    }
}
