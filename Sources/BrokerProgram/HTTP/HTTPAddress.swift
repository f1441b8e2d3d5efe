// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// Where an HTTP port is: `localhost:9090`, `[::1]:9090`, or `9090` alone, which is localhost.
struct HTTPAddress: Equatable {
    /// A name or an address, an IPv6 address without brackets.
    let host: String
    let port: UInt16

    /// A socket that listens.
    struct Listener {
        let descriptor: Int32
        /// The address and the port, as in `127.0.0.1:9090`.
        let address: String
    }

    /// - Returns: nil where the text is no such address.
    init?(_ text: String) {
        let colon = text.lastIndex(of: ":")
        let portText = colon.map { text[text.index(after: $0)...] } ?? text[...]
        guard !portText.isEmpty, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText)
        else { return nil }
        var host = colon.map { text[..<$0] } ?? ""
        if host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { ":[]".contains($0) }) {
            return nil
        }
        guard !host.utf8.contains(0) else { return nil }
        (self.host, self.port) = (host.isEmpty ? "localhost" : String(host), port)
    }

    /// Listens on all addresses of the host.
    /// - Throws: `ProtonError.Code.listenFailed` where one of them is in use, or none can be listened on.
    func listen() throws -> [Listener] {
        var listeners: [Listener] = []
        // A host without IPv6 has names that stand for IPv6 addresses all the same.
        var unusable: Int32 = EADDRNOTAVAIL
        for info in try resolve() {
            switch HTTPAddress.listen(info.family, info.address) {
            case .success(let listener): listeners.append(listener)
            case .failure(let error) where error.code == EADDRNOTAVAIL || error.code == EAFNOSUPPORT:
                unusable = error.code
            case .failure(let error):
                for listener in listeners { close(listener.descriptor) }
                throw failure(error.code)
            }
        }
        guard !listeners.isEmpty else { throw failure(unusable) }
        return listeners
    }

    private func failure(_ code: Int32) -> ProtonError {
        ProtonError(.listenFailed, "http: cannot listen on \(host):\(port): \(String(cString: strerror(code))).")
    }

    /// The host's addresses, each in the bytes of its `sockaddr`.
    private func resolve() throws -> [(family: Int32, address: [UInt8])] {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else {
            throw ProtonError(
                .listenFailed, "http: cannot listen on \(host):\(port): \(String(cString: gai_strerror(code))).")
        }
        defer { freeaddrinfo(list) }
        var addresses: [(Int32, [UInt8])] = []
        var next = list
        while let info = next {
            let bytes = UnsafeRawBufferPointer(start: info.pointee.ai_addr, count: Int(info.pointee.ai_addrlen))
            addresses.append((info.pointee.ai_family, Array(bytes)))
            next = info.pointee.ai_next
        }
        return addresses
    }

    /// An error of the system's.
    private struct SystemError: Error {
        let code: Int32
    }

    private static func listen(_ family: Int32, _ address: [UInt8]) -> Result<Listener, SystemError> {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { return .failure(SystemError(code: errno)) }
        var yes: Int32 = 1
        let size = socklen_t(MemoryLayout<Int32>.size)
        // So that a program that is started again gets the port whose connections have just ended.
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, size)
        // So that [::] and 0.0.0.0 may be listened on both.
        if family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &yes, size) }
        let isBound = address.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return false }
            return bind(descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count)) == 0
        }
        guard isBound, Glibc.listen(descriptor, 64) == 0 else {
            let error = SystemError(code: errno)
            close(descriptor)
            return .failure(error)
        }
        return .success(Listener(descriptor: descriptor, address: name(of: descriptor)))
    }

    /// The address that a socket is bound to.
    private static func name(of descriptor: Int32) -> String {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        var service = [CChar](repeating: 0, count: 32)
        let code = withUnsafeMutableBytes(of: &storage) { bytes -> Int32 in
            guard let start = bytes.baseAddress else { return -1 }
            let address = start.assumingMemoryBound(to: sockaddr.self)
            guard getsockname(descriptor, address, &size) == 0 else { return -1 }
            return getnameinfo(
                address, size, &host, socklen_t(host.count), &service, socklen_t(service.count),
                NI_NUMERICHOST | NI_NUMERICSERV)
        }
        guard code == 0 else { return "an unknown address" }
        let (name, port) = (text(host), text(service))
        return name.contains(":") ? "[\(name)]:\(port)" : "\(name):\(port)"
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension ValueKind<HTTPAddress> {
    /// Where to listen.
    static let httpAddress = ValueKind(name: "host:port", form: .text) { text in
        guard let address = HTTPAddress(text) else {
            throw Problem("must be a host and a port, as in localhost:9090 or [::1]:9090")
        }
        return address
    }
}
