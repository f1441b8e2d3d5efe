// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// A TCP socket of the proxy, which a thread of its own reads or writes.
///
/// The descriptor is closed by `deinit`, once no thread has the socket any more: so its number never belongs to another file
/// while a call waits for it. `shutDown` ends such calls.
final class RelaySocket: Sendable {
    private let descriptor: Int32

    private init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    // MARK: Making one

    static func listen(_ address: (host: String, port: Int)) throws -> RelaySocket {
        try make(address, AI_PASSIVE) { descriptor, info in
            var isReused: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &isReused, socklen_t(MemoryLayout<Int32>.size))
            return bind(descriptor, info.ai_addr, info.ai_addrlen) == 0 && Glibc.listen(descriptor, 64) == 0
        } failure: { reason in
            ProtonError(.listenFailed, "Cannot listen on \(address.host):\(address.port): \(reason).")
        }
    }

    static func connect(to address: (host: String, port: Int)) throws -> RelaySocket {
        try make(address, 0) { descriptor, info in
            // A host that does not answer must not hold a client for minutes. Linux heeds it in `connect`.
            var limit = timeval(tv_sec: 10, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            guard Glibc.connect(descriptor, info.ai_addr, info.ai_addrlen) == 0 else { return false }
            limit = timeval(tv_sec: 0, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
            return true
        } failure: { reason in
            ProtonError(.connectFailed, "Cannot connect to \(address.host):\(address.port): \(reason).")
        }
    }

    /// A socket of the first address of a host for which `begin` returns true.
    private static func make(
        _ address: (host: String, port: Int), _ flags: Int32, begin: (Int32, addrinfo) -> Bool,
        failure: (String) -> ProtonError
    ) throws -> RelaySocket {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, String(address.port), &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard code == 0 else { throw failure(String(cString: gai_strerror(code))) }
        var reason = "it has no address"
        for entry in sequence(first: list, next: { $0?.pointee.ai_next }).prefix(while: { $0 != nil }) {
            guard let info = entry?.pointee else { continue }
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            let descriptor = socket(info.ai_family, kind, info.ai_protocol)
            if descriptor >= 0 {
                let socket = RelaySocket(descriptor)
                if begin(descriptor, info) { return socket }
            }
            reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        }
        throw failure(reason)
    }

    /// Waits for a connection; nil once the socket is shut down.
    func accept() -> RelaySocket? {
        while true {
            let accepted = Glibc.accept(descriptor, nil, nil)
            if accepted >= 0 {
                _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
                return RelaySocket(accepted)
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            default: return nil
            }
        }
    }

    // MARK: Using it

    /// Waits for bytes; nil at their end.
    func read(_ buffer: inout [UInt8]) -> ArraySlice<UInt8>? {
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 { return buffer[..<count] }
            guard count < 0, errno == EINTR else { return nil }
        }
    }

    /// Writes all bytes.
    /// - Returns: whether they could be written.
    func write(_ bytes: ArraySlice<UInt8>) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return false }
        }
        return true
    }

    /// Nothing more is written: the other side sees the end of the bytes.
    func endWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Ends all calls that wait, now and from now on.
    func shutDown() { _ = shutdown(descriptor, Int32(SHUT_RDWR)) }

    // MARK: What it is

    /// Its own address, as `host:port`.
    var address: String { name(getsockname) }

    /// The port of the other side; 0 where it is gone.
    var remotePort: Int { name(getpeername).split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    private func name(
        _ get: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
    ) -> String {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var (host, port) = ([CChar](repeating: 0, count: Int(NI_MAXHOST)), [CChar](repeating: 0, count: 16))
        let isKnown = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                get(descriptor, address, &size) == 0
                    && getnameinfo(
                        address, size, &host, socklen_t(host.count), &port, socklen_t(port.count),
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0
            }
        }
        guard isKnown else { return "?" }
        func text(_ characters: [CChar]) -> String {
            String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        let name = text(host)
        return name.contains(":") ? "[\(name)]:\(text(port))" : "\(name):\(text(port))"
    }
}
