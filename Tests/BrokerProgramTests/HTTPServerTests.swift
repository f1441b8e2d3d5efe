// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton
import Testing

@testable import BrokerProgram

/// The HTTP server over real sockets, with peers that behave well and others.
struct HTTPServerTests {
    /// Has a server that answers with the path, or the status, for as long as `body` takes.
    private func withServer(timeout: Duration = .seconds(10), _ body: (UInt16) throws -> Void) throws {
        let address = try #require(HTTPAddress("127.0.0.1:0"))
        let server = try HTTPServer(address, timeout: timeout) { request in
            switch request {
            case .incomplete: HTTPResponse(.badRequest, line: "incomplete")
            case .malformed(let status): HTTPResponse(status, line: status.reason)
            case .whole(_, "/large"): HTTPResponse(.ok, line: String(repeating: "z", count: 10_000_000))
            case .whole(let method, let path): HTTPResponse(.ok, line: "\(method) \(path)")
            }
        }
        defer { server.stop() }
        #expect(server.addresses.count == 1)
        try body(try #require(UInt16(server.addresses[0].split(separator: ":").last ?? "")))
    }

    @Test("A request is answered, and the connection ends")
    func request() throws {
        try withServer { port in
            let peer = try HTTPPeer(port)
            peer.send("GET /a HTTP/1.1\r\n\r\n")
            let answer = peer.readToEnd()
            #expect(answer?.hasPrefix("HTTP/1.1 200 OK\r\n") == true && answer?.hasSuffix("\r\n\r\nGET /a\n") == true)
        }
    }

    @Test("A request that comes byte by byte, and a response that a peer reads late")
    func pieces() throws {
        try withServer { port in
            let peer = try HTTPPeer(port)
            for byte in "GET /large HTTP/1.1\r\nHost: a\r\n\r\n" { peer.send(String(byte)) }
            // Meanwhile others are served.
            let other = try HTTPPeer(port)
            other.send("HEAD /b HTTP/1.1\r\n\r\n")
            #expect(other.readToEnd()?.hasSuffix("HEAD /b\n") == true)
            #expect(peer.readToEnd()?.utf8.count { $0 == UInt8(ascii: "z") } == 10_000_000)
        }
    }

    @Test("A body is not read as another request, and does not cost the response")
    func body() throws {
        try withServer { port in
            let peer = try HTTPPeer(port)
            peer.send(
                "POST /a HTTP/1.1\r\nContent-Length: 30000\r\n\r\n"
                    + String(repeating: "GET / HTTP/1.1\r\n\r\n", count: 1_500))
            #expect(peer.readToEnd()?.hasSuffix("\r\n\r\nPOST /a\n") == true)
        }
    }

    @Test("A head without an end is refused")
    func largeHead() throws {
        try withServer { port in
            let peer = try HTTPPeer(port)
            peer.send("GET / HTTP/1.1\r\nX: " + String(repeating: "x", count: 10_000))
            #expect(peer.readToEnd()?.hasPrefix("HTTP/1.1 431 ") == true)
        }
    }

    @Test("A connection that says nothing ends in time")
    func silence() throws {
        try withServer(timeout: .milliseconds(200)) { port in
            let silent = try HTTPPeer(port)
            let slow = try HTTPPeer(port)
            slow.send("GET /")
            let start = ContinuousClock.now
            #expect(silent.readToEnd() == "" && slow.readToEnd() == "")
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test("Connections that say nothing keep no other from being served")
    func manyConnections() throws {
        try withServer(timeout: .seconds(60)) { port in
            let silent = try (0..<100).map { _ in try HTTPPeer(port) }
            let peer = try HTTPPeer(port)
            peer.send("GET /a HTTP/1.1\r\n\r\n")
            #expect(peer.readToEnd()?.hasSuffix("GET /a\n") == true)
            // The oldest had to go.
            #expect(silent[0].readToEnd() == "")
        }
    }

    @Test("A port that is in use, and a host that is none")
    func unusable() throws {
        try withServer { port in
            let address = try #require(HTTPAddress("127.0.0.1:\(port)"))
            let error = #expect(throws: ProtonError.self) {
                try HTTPServer(address) { _ in HTTPResponse(.ok, line: "") }
            }
            #expect(error?.message == "http: cannot listen on 127.0.0.1:\(port): Address already in use.")
        }
        let address = try #require(HTTPAddress("192.0.2.1:9090"))
        let error = #expect(throws: ProtonError.self) { try HTTPServer(address) { _ in HTTPResponse(.ok, line: "") } }
        #expect(error?.code == .listenFailed)
    }

    @Test("A server that is stopped closes its connections")
    func stop() throws {
        let address = try #require(HTTPAddress("127.0.0.1:0"))
        let server = try HTTPServer(address) { _ in HTTPResponse(.ok, line: "") }
        let port = try #require(UInt16(server.addresses[0].split(separator: ":").last ?? ""))
        let peer = try HTTPPeer(port)
        // Once a later one is answered, this one is taken.
        let other = try HTTPPeer(port)
        other.send("GET / HTTP/1.1\r\n\r\n")
        #expect(other.readToEnd()?.hasPrefix("HTTP/1.1 200 ") == true)
        server.stop()
        server.stop()
        #expect(peer.readToEnd() == "")
    }
}

/// The other side of a connection: a socket that waits for ten seconds at most.
final class HTTPPeer {
    private let descriptor: Int32

    init(_ port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
        let code = withUnsafeBytes(of: &address) { bytes in
            connect(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count))
        }
        try #require(code == 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    /// All that comes until the server closes the connection; nil where it is reset, or stays open.
    func readToEnd() -> String? {
        var (all, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 65_536))
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? String(decoding: all, as: UTF8.self) : nil }
            all += buffer[..<count]
        }
    }
}
