// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQPTool

struct PacketStreamTests {
    /// What a program that reads captures finds in a packet.
    private struct Packet {
        let ports: [Int]
        let sequence: Int
        let acknowledgement: Int
        let flags: UInt8
        let payload: [UInt8]

        init(_ bytes: [UInt8]) {
            func number(_ offset: Int, _ size: Int) -> Int {
                bytes[offset..<offset + size].reduce(0) { $0 << 8 | Int($1) }
            }
            ports = [number(20, 2), number(22, 2)]
            (sequence, acknowledgement, flags) = (number(24, 4), number(28, 4), bytes[33])
            payload = Array(bytes[40...])
            #expect(number(2, 2) == bytes.count, "the total length")
            #expect(Self.sum(bytes[..<20]) == 0xffff, "the checksum of the header")
            let pseudoHeader =
                bytes[12..<20] + [0, 6, UInt8((bytes.count - 20) >> 8), UInt8((bytes.count - 20) & 0xff)]
            #expect(Self.sum(pseudoHeader + bytes[20...]) == 0xffff, "the checksum of the segment")
        }

        /// The sum in ones' complement of what has its checksum in it: all bits are set.
        private static func sum(_ bytes: ArraySlice<UInt8>) -> Int {
            let bytes = Array(bytes) + (bytes.count % 2 == 0 ? [] : [0])
            let sum = stride(from: 0, to: bytes.count, by: 2).reduce(0) {
                $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1])
            }
            return (sum & 0xffff) + (sum >> 16) & 0xffff
        }
    }

    @Test func bytesGoBothWaysInOneConnection() {
        var stream = PacketStream(clientPort: 40_000)
        var packets = stream.open() + stream.carry(Array("hello".utf8)[...], isFromServer: false)
        let large = (0..<100_001).map { UInt8(truncatingIfNeeded: $0) }
        packets += stream.carry(large[...], isFromServer: true) + stream.close()
        let read = packets.map { Packet($0) }

        #expect(read.prefix(3).map(\.flags) == [0x02, 0x12, 0x10])
        let sent = read.filter { $0.ports == [40_000, 5672] }
        let received = read.filter { $0.ports == [5672, 40_000] }
        #expect(sent.count + received.count == read.count)
        #expect(sent.flatMap(\.payload) == Array("hello".utf8))
        #expect(received.flatMap(\.payload) == large)
        #expect(received.allSatisfy { $0.payload.count <= 32_768 })
        for side in [sent, received] {
            for (packet, next) in zip(side, side.dropFirst()) {
                // SYN and FIN count as a byte each.
                let length = packet.payload.count + (packet.flags & 0x03 == 0 ? 0 : 1)
                #expect(next.sequence == packet.sequence + length)
            }
        }
        #expect(received.last?.acknowledgement == 1 + 5 + 1, "what the client has sent, and its end")
    }
}
