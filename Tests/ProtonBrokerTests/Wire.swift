import AMQP
import Glibc
import ProtonBroker

/// A peer that writes its own bytes to a socket: what a well-behaved library would not do.
final class Wire {
    /// What ends a wait that the broker did not answer within 10 seconds.
    struct TimedOut: Error {}
    struct SocketError: Error { let code: Int32 }

    private var socket: Int32
    private(set) var received: [UInt8] = []

    /// Connects; with a small receive buffer where the peer is to be a slow one.
    init(to broker: Broker, receiveBuffer: Int32? = nil) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard socket >= 0 else { throw SocketError(code: errno) }
        if var size = receiveBuffer {
            setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(broker.port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw SocketError(code: errno) }
    }

    deinit { close() }

    /// Goes without a word.
    func close() {
        if socket >= 0 { Glibc.close(socket) }
        socket = -1
    }

    /// Writes bytes; what the broker does not want any more is of no interest.
    func write(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func write(_ frames: Frame...) throws {
        write(try frames.flatMap { try $0.bytes() })
    }

    /// Reads until what came holds a text, such as the name of a condition.
    func read(until text: String) throws {
        try read(until: Array(text.utf8))
    }

    func read(until pattern: [UInt8]) throws {
        while !received.contains(pattern) {
            guard try readMore() else { throw SocketError(code: 0) }
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
        var descriptor = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 10_000) == 1 else { throw TimedOut() }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        received += buffer.prefix(count)
        return true
    }
}

/// A frame of AMQP, or other bytes (AMQP 1.0, 2.3).
enum Frame {
    case header
    case raw([UInt8])
    case performative(UInt64, [AMQPValue], payload: [UInt8] = [])

    static let open = performative(0x10, ["wire"])
    static let begin = performative(0x11, [.null, .uint(0), .uint(1_000), .uint(1_000)])

    /// An attach of a link that sends, or that receives.
    static func attach(
        _ name: String = "link", handle: UInt32 = 0, sendingTo target: AMQPValue? = nil,
        receivingFrom source: AMQPValue? = nil
    ) -> Frame {
        performative(
            0x12,
            [
                .string(name), .uint(handle), .boolean(target == nil), .null, .null, source ?? .terminus(0x28, []),
                target ?? .terminus(0x29, []), .null, .null, .uint(0),
            ])
    }

    static func flow(credit: UInt32, handle: UInt32 = 0, drain: Bool = false) -> Frame {
        performative(
            0x13,
            [
                .uint(0), .uint(1_000_000), .uint(0), .uint(1_000_000), .uint(handle), .uint(0), .uint(credit), .null,
                .boolean(drain),
            ])
    }

    static func transfer(_ id: UInt32, settled: Bool = false, payload: [UInt8]) -> Frame {
        performative(
            0x14, [.uint(0), .uint(id), .binary([UInt8(truncatingIfNeeded: id)]), .uint(0), .boolean(settled)],
            payload: payload)
    }

    static let detach = performative(0x16, [.uint(0), .boolean(false)])

    static let end = performative(0x17, [])

    func bytes() throws -> [UInt8] {
        switch self {
        case .header: return Array("AMQP".utf8) + [0, 1, 0, 0]
        case .raw(let bytes): return bytes
        case .performative(let code, let fields, let payload):
            let described = AMQPValue.described(Described(descriptor: .ulong(code), value: .list(fields)))
            let body = try described.encoded() + payload
            let size = UInt32(body.count + 8)
            return withUnsafeBytes(of: size.bigEndian) { Array($0) } + [2, 0, 0, 0] + body
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
