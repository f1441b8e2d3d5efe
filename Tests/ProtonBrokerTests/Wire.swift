// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting

/// A peer that writes its own bytes to a socket: what a well-behaved library would not do.
final class Wire {
    /// What ends a wait for bytes that do not come before the end.
    struct Ended: Error {}

    private let peer: ScriptedPeer
    private(set) var received: [UInt8] = []

    /// Connects; with a small receive buffer where the peer is to be a slow one.
    init(to broker: Broker, receiveBuffer: Int? = nil) throws {
        peer = try ScriptedPeer(connectingTo: broker.port, receiveBuffer: receiveBuffer)
    }

    /// Goes without a word.
    func close() { peer.close() }

    /// Writes bytes; what the broker does not want any more is of no interest.
    func write(_ bytes: [UInt8]) { try? peer.send(bytes: bytes) }

    func write(_ frames: Frame...) throws {
        write(try frames.flatMap { try $0.bytes() })
    }

    /// Reads until what came holds a text, such as the name of a condition.
    func read(until text: String) throws {
        try read(until: Array(text.utf8))
    }

    func read(until pattern: [UInt8]) throws {
        while !received.contains(pattern) {
            guard try readMore() else { throw Ended() }
        }
    }

    /// Reads until the broker closes.
    func readToEnd() throws {
        while try readMore() {}
    }

    /// Forgets what came.
    func forget() { received = [] }

    /// - Returns: false once the broker has closed.
    private func readMore() throws -> Bool {
        let bytes = try peer.receiveBytes()
        received += bytes
        return !bytes.isEmpty
    }
}

/// A frame of AMQP, or other bytes (AMQP 1.0, 2.3).
enum Frame {
    case raw([UInt8])
    case frame(ProtonTesting.Frame)

    static let header = frame(.amqpHeader)
    static let open = frame(.open("wire"))
    static let begin = frame(.begin())

    /// A performative by its number.
    static func performative(_ code: UInt64, _ fields: [AMQPValue], payload: [UInt8] = []) -> Frame {
        let described = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
        return frame(ProtonTesting.Frame(.other, payload: ((try? described.encoded()) ?? []) + payload))
    }

    /// An attach of a link that sends, or that receives.
    static func attach(
        _ name: String = "link", handle: UInt32 = 0, sendingTo target: AMQPValue? = nil,
        receivingFrom source: AMQPValue? = nil
    ) -> Frame {
        guard let target else {
            return frame(
                .attach(receivingFrom: "", name: name, handle: handle, ["source": source ?? .terminus(0x28, [])]))
        }
        return frame(.attach(sendingTo: "", name: name, handle: handle, ["target": target]))
    }

    static func flow(credit: UInt32, handle: UInt32 = 0, drain: Bool = false) -> Frame {
        frame(
            .flow(
                credit: credit, handle: handle,
                ["incoming-window": 1_000_000, "outgoing-window": 1_000_000, "drain": .boolean(drain)]))
    }

    static func transfer(_ id: UInt32, settled: Bool = false, payload: [UInt8]) -> Frame {
        frame(.transfer(id, payload: payload, ["settled": .boolean(settled)]))
    }

    static let detach = frame(.detach(["closed": false]))

    static let end = frame(.end())

    func bytes() throws -> [UInt8] {
        switch self {
        case .raw(let bytes): bytes
        case .frame(let frame): try frame.encoded()
        }
    }
}

extension AMQPValue {
    /// A source (0x28), a target (0x29) or a coordinator (0x30).
    static func terminus(_ code: UInt64, _ fields: [AMQPValue]) -> AMQPValue {
        .described(Described(descriptor: .ulong(code), value: .list(fields)))
    }

    static func source(_ address: String) -> AMQPValue { terminus(0x28, [.string(address)]) }
    static func target(_ address: String) -> AMQPValue { terminus(0x29, [.string(address)]) }
}
