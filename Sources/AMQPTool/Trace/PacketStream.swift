// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The packets of one TCP connection, as they could have gone over the network: what the proxy has are its bytes.
///
/// Addresses are 127.0.0.1 on both sides, and the server's port is 5672, by which programs that read captures find AMQP.
struct PacketStream {
    private struct Flags: OptionSet {
        let rawValue: UInt8

        static let fin = Flags(rawValue: 0x01)
        static let syn = Flags(rawValue: 0x02)
        static let push = Flags(rawValue: 0x08)
        static let ack = Flags(rawValue: 0x10)
    }

    /// The port that IANA has registered for AMQP.
    static let serverPort: UInt16 = 5672
    /// How many bytes a packet carries at most; its length, with headers, is a number of sixteen bits.
    static let maxPayload = 32_768

    private let clientPort: UInt16
    /// The next sequence numbers.
    private var client: UInt32 = 0
    private var server: UInt32 = 0

    init(clientPort: UInt16) { self.clientPort = clientPort }

    /// The handshake.
    mutating func open() -> [[UInt8]] {
        defer { (client, server) = (1, 1) }
        return [
            packet([], .syn, isFromServer: false, (0, 0)), packet([], [.syn, .ack], isFromServer: true, (0, 1)),
            packet([], .ack, isFromServer: false, (1, 1)),
        ]
    }

    /// Bytes of one side.
    mutating func carry(_ bytes: ArraySlice<UInt8>, isFromServer: Bool) -> [[UInt8]] {
        var packets: [[UInt8]] = []
        var rest = bytes
        while !rest.isEmpty {
            let part = rest.prefix(Self.maxPayload)
            rest = rest.dropFirst(part.count)
            packets.append(packet(part, [.push, .ack], isFromServer: isFromServer, numbers(isFromServer)))
            if isFromServer { server &+= UInt32(part.count) } else { client &+= UInt32(part.count) }
        }
        return packets
    }

    /// The end, of both sides.
    mutating func close() -> [[UInt8]] {
        let first = packet([], [.fin, .ack], isFromServer: false, numbers(false))
        client &+= 1
        let second = packet([], [.fin, .ack], isFromServer: true, numbers(true))
        server &+= 1
        return [first, second, packet([], .ack, isFromServer: false, numbers(false))]
    }

    private func numbers(_ isFromServer: Bool) -> (sequence: UInt32, acknowledgement: UInt32) {
        isFromServer ? (server, client) : (client, server)
    }

    // MARK: Bytes

    private func packet(
        _ payload: ArraySlice<UInt8>, _ flags: Flags, isFromServer: Bool,
        _ numbers: (sequence: UInt32, acknowledgement: UInt32)
    ) -> [UInt8] {
        let ports = isFromServer ? (Self.serverPort, clientPort) : (clientPort, Self.serverPort)
        let addresses: [UInt8] = [127, 0, 0, 1, 127, 0, 0, 1]
        // RFC 9293: ports, numbers, five words of header, flags, window, checksum, urgent pointer.
        var tcp = ports.0.bytes + ports.1.bytes + numbers.sequence.bytes + numbers.acknowledgement.bytes
        tcp += [0x50, flags.rawValue, 0xff, 0xff, 0, 0, 0, 0]
        tcp += payload
        let pseudoHeader = addresses + [0, 6] + UInt16(tcp.count).bytes
        tcp.replaceSubrange(16..<18, with: Self.checksum(pseudoHeader + tcp).bytes)
        // RFC 791: version and length, total length, no fragments, 64 hops, TCP, checksum.
        var header: [UInt8] = [0x45, 0] + UInt16(20 + tcp.count).bytes + [0, 0, 0x40, 0, 64, 6, 0, 0] + addresses
        header.replaceSubrange(10..<12, with: Self.checksum(header).bytes)
        return header + tcp
    }

    /// The checksum of the internet's protocols (RFC 1071).
    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt64 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            let low = index + 1 < bytes.count ? UInt64(bytes[index + 1]) : 0
            sum += UInt64(bytes[index]) << 8 | low
        }
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return ~UInt16(sum)
    }
}

extension FixedWidthInteger {
    /// The bytes in the network's order.
    fileprivate var bytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
