import Glibc

/// A plain TCP socket, for peers that do not speak AMQP as they should; every call has a bound of ten seconds.
struct RawSocket: Sendable {
    private let descriptor: Int32
    let port: Int

    private init(_ descriptor: Int32, port: Int) {
        (self.descriptor, self.port) = (descriptor, port)
        var bound = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &bound, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &bound, socklen_t(MemoryLayout<timeval>.size))
    }

    private static func socket() throws -> Int32 {
        let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw TestError("socket: \(errno)") }
        return descriptor
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func with<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &size) }
        }
    }

    /// Connects to a port of this machine.
    static func connect(to port: Int) throws -> RawSocket {
        let socket = RawSocket(try socket(), port: port)
        var address = loopback(port)
        guard with(&address, { Glibc.connect(socket.descriptor, $0, $1.pointee) }) == 0 else {
            throw TestError("connect: \(errno)")
        }
        return socket
    }

    /// Listens on a free port of this machine.
    static func listen() throws -> RawSocket {
        let descriptor = try socket()
        var address = loopback(0)
        guard with(&address, { bind(descriptor, $0, $1.pointee) }) == 0, Glibc.listen(descriptor, 16) == 0,
            with(&address, { getsockname(descriptor, $0, $1) }) == 0
        else { throw TestError("listen: \(errno)") }
        return RawSocket(descriptor, port: Int(UInt16(bigEndian: address.sin_port)))
    }

    func accept() throws -> RawSocket {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw TestError("accept: \(errno)") }
        return RawSocket(accepted, port: port)
    }

    func send(_ bytes: [UInt8]) throws {
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw TestError("send: \(errno)")
        }
    }

    /// Reads what there is, at least one byte; empty at the end of the stream.
    func receive() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == ECONNRESET { return [] }
        guard count >= 0 else { throw TestError("recv: \(errno)") }
        return Array(buffer.prefix(count))
    }

    /// Reads until the peer closes.
    func receiveAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = try receive()
            if more.isEmpty { return bytes }
            bytes += more
        }
    }

    func close() {
        Glibc.close(descriptor)
    }
}
