// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BrokerProgram

/// Requests as bytes, and responses as bytes.
struct HTTPRequestTests {
    @Test(
        "Heads of requests",
        arguments: [
            ("", .incomplete),
            ("GET", .incomplete),
            ("GET /a HTTP/1.1\r\n", .incomplete),
            ("GET /a HTTP/1.1\r\nHost: a\r\n", .incomplete),
            ("GET /a HTTP/1.1\r\n\r\n", .whole(method: "GET", path: "/a")),
            ("GET /a HTTP/1.0\n\n", .whole(method: "GET", path: "/a")),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nmore", .whole(method: "GET", path: "/")),
            ("GET /metrics?a=b&c HTTP/1.1\r\n\r\n", .whole(method: "GET", path: "/metrics")),
            ("POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\n", .whole(method: "POST", path: "/metrics")),
            ("\r\n", .malformed(.badRequest)),
            ("GET\r\n\r\n", .malformed(.badRequest)),
            ("GET /a\r\n\r\n", .malformed(.badRequest)),
            ("GET  /a HTTP/1.1\r\n\r\n", .malformed(.badRequest)),
            ("get /a HTTP/1.1\r\n\r\n", .malformed(.badRequest)),
            ("GET a HTTP/1.1\r\n\r\n", .malformed(.badRequest)),
            ("GET http://a/a HTTP/1.1\r\n\r\n", .malformed(.badRequest)),
            ("GET /a HTTP/2\r\n\r\n", .malformed(.versionNotSupported)),
            ("AMQP\u{0}\u{1}\u{0}\u{0}\r\n\r\n", .malformed(.badRequest)),
        ] as [(String, HTTPRequest)])
    func head(text: String, request: HTTPRequest) {
        #expect(HTTPRequest(Array(text.utf8)) == request)
    }

    @Test("A head has a limit")
    func limit() {
        let line = "GET / HTTP/1.1\r\nX: "
        let room = HTTPRequest.maxHead - line.utf8.count
        func bytes(_ count: Int, _ end: String) -> [UInt8] {
            Array((line + String(repeating: "x", count: count) + end).utf8)
        }
        #expect(HTTPRequest(bytes(room - 4, "\r\n\r\n")) == .whole(method: "GET", path: "/"))
        #expect(HTTPRequest(bytes(room - 3, "\r\n\r\n")) == .malformed(.headTooLarge))
        #expect(HTTPRequest(bytes(room - 1, "")) == .incomplete)
        #expect(HTTPRequest(bytes(room, "")) == .malformed(.headTooLarge))
    }

    @Test("Responses")
    func response() {
        var response = HTTPResponse(.methodNotAllowed, line: "né")
        let head =
            "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 4\r\n"
            + "Cache-Control: no-store\r\nConnection: close\r\nAllow: GET, HEAD\r\n\r\n"
        #expect(String(decoding: response.bytes, as: UTF8.self) == head + "né\n")
        response.isHeadOnly = true
        #expect(String(decoding: response.bytes, as: UTF8.self) == head)
    }

    @Test(
        "Where to listen",
        arguments: [
            ("localhost:9090", "localhost", 9090), ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:65535", "::1", 65_535),
            ("9090", "localhost", 9090), (":9090", "localhost", 9090),
        ] as [(String, String, UInt16)])
    func address(text: String, host: String, port: UInt16) {
        let address = HTTPAddress(text)
        #expect(address?.host == host && address?.port == port)
    }

    @Test(
        "What is no address",
        arguments: [
            "", "localhost", "localhost:", "localhost:x", "localhost:65536", "localhost:-1", "localhost:+1", "::1",
            "::1:80",
            "[::1]", "[]:80", "a]:80", "a\u{0}:80", "http://localhost:80",
        ])
    func noAddress(text: String) {
        #expect(HTTPAddress(text) == nil)
    }
}
