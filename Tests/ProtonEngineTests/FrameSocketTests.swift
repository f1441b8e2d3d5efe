// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonBroker
import ProtonTesting
import Testing

/// The layer of frames under the broker, over a socket: a peer that says what proton by itself does not read.
struct FrameSocketTests {
    /// How a peer goes through SASL.
    enum Opening: CaseIterable {
        /// It waits for the outcome.
        case patient
        /// It sends all that it has up to its begin at once, before the outcome: that goes past the layer.
        case pipelined
    }

    private static func withPeer(_ opening: Opening, _ body: (ScriptedPeer) throws -> Void) throws {
        try withBroker { broker in
            let peer = try ScriptedPeer(connectingTo: broker.port)
            defer { peer.close() }
            let rest = [Frame.amqpHeader, .open(), .begin()]
            switch opening {
            case .patient: try peer.send(.saslHeader, .saslInit("ANONYMOUS"))
            case .pipelined: try peer.send([.saslHeader, .saslInit("ANONYMOUS")] + rest)
            }
            try peer.expect(.saslHeader)
            try peer.expect(.saslMechanisms)
            try peer.expect(.saslOutcome, ["code": 0])
            if opening == .patient { try peer.send(rest) }
            try peer.expect(.amqpHeader)
            try peer.expect(.open)
            try peer.expect(.begin)
            try body(peer)
        }
    }

    private static func put(_ peer: ScriptedPeer, _ count: Int) throws {
        try peer.send(.attach(sendingTo: "q", name: "in", handle: 0))
        try peer.expect(.attach)
        try peer.expect(.flow)
        for id in 0..<count {
            try peer.send(
                .transfer(UInt32(id), payload: [0, 0x53, 0x77, 0x40], ["delivery-tag": .binary([UInt8(id)])]))
            try peer.expect(.disposition, skipping: .flow)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Opening.allCases)
    func aSymbolicOutcomeTakesTheMessage(_ opening: Opening) throws {
        try Self.withPeer(opening) { peer in
            try Self.put(peer, 1)
            try peer.send(.attach(receivingFrom: "q", name: "out", handle: 1), .flow(credit: 5, handle: 1))
            try peer.expect(.attach, skipping: .flow)
            let transfer = try peer.expect(.transfer, skipping: .flow)
            let accepted = AMQPValue.described(Described(descriptor: .symbol("amqp:accepted:list"), value: .list([])))
            try peer.send(
                Frame(
                    .disposition,
                    ["role": true, "first": transfer["delivery-id"], "settled": true, "state": accepted]),
                .detach(handle: 1))
            try peer.expect(.detach, skipping: .flow)
            // Were it not taken it would come again, before the answer to the drain.
            try peer.send(
                .attach(receivingFrom: "q", name: "again", handle: 1), .flow(credit: 5, handle: 1, ["drain": true]))
            try peer.expect(.attach, skipping: .flow)
            try peer.expect(.flow, ["drain": true])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Opening.allCases)
    func flowsAreAnswered(_ opening: Opening) throws {
        try Self.withPeer(opening) { peer in
            try peer.send(.attach(receivingFrom: "q", name: "out", handle: 3))
            let handle = try peer.expect(.attach)["handle"]
            try peer.send(.flow(credit: 0, handle: 3, ["echo": true]))
            try peer.expect(.flow, ["handle": handle, "link-credit": 0, "drain": false])
            try peer.send(.flow(credit: 0, handle: 3, ["drain": true]))
            try peer.expect(.flow, ["handle": handle, "link-credit": 0, "drain": true])
            try peer.send(
                Frame(
                    .flow,
                    [
                        "next-incoming-id": 0, "incoming-window": 9, "next-outgoing-id": 0, "outgoing-window": 9,
                        "echo": true,
                    ]))
            try peer.expect(.flow, ["next-incoming-id": 0])
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Opening.allCases)
    func allCreditThereIsBringsAMessage(_ opening: Opening) throws {
        try Self.withPeer(opening) { peer in
            try Self.put(peer, 1)
            try peer.send(.attach(receivingFrom: "q", name: "out", handle: 1), .flow(credit: .max, handle: 1))
            try peer.expect(.attach, skipping: .flow)
            try peer.expect(.transfer, skipping: .flow)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: Opening.allCases)
    func aLinkIsStolen(_ opening: Opening) throws {
        try Self.withPeer(opening) { peer in
            try peer.send(.attach(receivingFrom: "q", name: "x", handle: 0))
            try peer.expect(.attach)
            try peer.send(.attach(receivingFrom: "q", name: "x", handle: 1))
            var (attaches, detach): (Int, Frame?) = (0, nil)
            while attaches < 1 || detach == nil {
                let frame = try peer.receive()
                if frame.kind == .attach { attaches += 1 } else if frame.kind == .detach { detach = frame }
            }
            #expect(detach?.condition?.name == .linkStolen && detach?["handle"] == .uint(0))
            try peer.send(.detach(handle: 0), .detach(handle: 1))
            try peer.expect(.detach, ["handle": 1])
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func aPeerThatGoesInTheMiddleOfAFrameLeavesTheBrokerServing() throws {
        try withBroker { broker in
            for bytes in [[0, 0, 0, 99], [0, 0, 0, 99, 2, 0, 0, 0, 0, 0x53, 0x14], []] as [[UInt8]] {
                let peer = try ScriptedPeer(connectingTo: broker.port)
                try peer.send(.saslHeader, .saslInit("ANONYMOUS"))
                try peer.expect(.saslHeader)
                try peer.expect(.saslMechanisms)
                try peer.expect(.saslOutcome, ["code": 0])
                try peer.send(.amqpHeader, .open())
                try peer.expect(.amqpHeader)
                try peer.expect(.open)
                try peer.send(bytes: bytes)
                peer.close()
            }
            let peer = try ScriptedPeer(connectingTo: broker.port)
            defer { peer.close() }
            try peer.handshake()
        }
    }
}
