// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

/// What a text means: the parts, and the description with all defaults filled in.
struct URLCase: Sendable, CustomTestStringConvertible {
    let text: String
    let url: AMQPURL
    let description: String
    var testDescription: String { String(reflecting: text) }

    init(_ text: String, _ url: AMQPURL, _ description: String) {
        (self.text, self.url, self.description) = (text, url, description)
    }
}

private let urls: [URLCase] = [
    // Each part and its default.
    URLCase("", AMQPURL(), "amqp://localhost:5672"),
    URLCase("host", AMQPURL(host: "host"), "amqp://host:5672"),
    URLCase("host:1234", AMQPURL(host: "host", port: 1234), "amqp://host:1234"),
    URLCase("host:", AMQPURL(host: "host"), "amqp://host:5672"),
    URLCase(":1234", AMQPURL(port: 1234), "amqp://localhost:1234"),
    URLCase(":0", AMQPURL(port: 0), "amqp://localhost:0"),
    URLCase("host:65535", AMQPURL(host: "host", port: 65535), "amqp://host:65535"),
    URLCase("/path", AMQPURL(path: "path"), "amqp://localhost:5672/path"),
    URLCase(":1234/path", AMQPURL(port: 1234, path: "path"), "amqp://localhost:1234/path"),
    URLCase("host/path", AMQPURL(host: "host", path: "path"), "amqp://host:5672/path"),
    URLCase("//host/path", AMQPURL(host: "host", path: "path"), "amqp://host:5672/path"),
    URLCase("//", AMQPURL(), "amqp://localhost:5672"),
    URLCase("amqp://", AMQPURL(), "amqp://localhost:5672"),
    URLCase("amqps://", AMQPURL(scheme: .amqps), "amqps://localhost:5671"),
    URLCase("amqps://host", AMQPURL(scheme: .amqps, host: "host"), "amqps://host:5671"),
    URLCase(
        "AMQPS://Host.Example/Path", AMQPURL(scheme: .amqps, host: "host.example", path: "Path"),
        "amqps://host.example:5671/Path"),
    // Ports by name; the scheme stays.
    URLCase("host:amqp", AMQPURL(host: "host", port: 5672), "amqp://host:5672"),
    URLCase("host:amqps", AMQPURL(host: "host", port: 5671), "amqp://host:5671"),
    URLCase("amqps://host:amqp", AMQPURL(scheme: .amqps, host: "host", port: 5672), "amqps://host:5672"),
    URLCase("amqp:5672/x", AMQPURL(host: "amqp", port: 5672, path: "x"), "amqp://amqp:5672/x"),
    // User and password.
    URLCase(
        "amqp://me:secret@myhost:1234/foobar",
        AMQPURL(user: "me", password: "secret", host: "myhost", port: 1234, path: "foobar"),
        "amqp://me:***@myhost:1234/foobar"),
    URLCase(
        "amqps://me:secret@myhost/foobar",
        AMQPURL(scheme: .amqps, user: "me", password: "secret", host: "myhost", path: "foobar"),
        "amqps://me:***@myhost:5671/foobar"),
    URLCase("user@host:3456", AMQPURL(user: "user", host: "host", port: 3456), "amqp://user@host:3456"),
    URLCase("username@", AMQPURL(user: "username"), "amqp://username@localhost:5672"),
    URLCase(":pass@", AMQPURL(password: "pass"), "amqp://:***@localhost:5672"),
    URLCase("user:@host", AMQPURL(user: "user", password: "", host: "host"), "amqp://user:***@host:5672"),
    URLCase("@host", AMQPURL(host: "host"), "amqp://host:5672"),
    URLCase("a@b@host", AMQPURL(user: "a@b", host: "host"), "amqp://a%40b@host:5672"),
    URLCase("u:p:q@host", AMQPURL(user: "u", password: "p:q", host: "host"), "amqp://u:***@host:5672"),
    URLCase("u:p#?+@host", AMQPURL(user: "u", password: "p#?+", host: "host"), "amqp://u:***@host:5672"),
    URLCase(
        "amqp://user%2F%3A:p%40%2fs%C3%A9@host",
        AMQPURL(user: "user/:", password: "p@/sé", host: "host"), "amqp://user%2F%3A:***@host:5672"),
    // IPv6.
    URLCase("[::1]", AMQPURL(host: "::1"), "amqp://[::1]:5672"),
    URLCase("[::1]:5672/q", AMQPURL(host: "::1", path: "q"), "amqp://[::1]:5672/q"),
    URLCase(
        "amqp://me:secret@[::1]:1234/foobar",
        AMQPURL(user: "me", password: "secret", host: "[::1]", port: 1234, path: "foobar"),
        "amqp://me:***@[::1]:1234/foobar"),
    URLCase("[fe80::1%eth0]:amqps", AMQPURL(host: "fe80::1%eth0", port: 5671), "amqp://[fe80::1%eth0]:5671"),
    URLCase("[::FFFF:127.0.0.1]", AMQPURL(host: "::ffff:127.0.0.1"), "amqp://[::ffff:127.0.0.1]:5672"),
    // The path is an AMQP address, any text.
    URLCase("myhost/", AMQPURL(host: "myhost", path: ""), "amqp://myhost:5672/"),
    URLCase("h//queues/q", AMQPURL(host: "h", path: "/queues/q"), "amqp://h:5672//queues/q"),
    URLCase(
        "user@host/topic://test", AMQPURL(user: "user", host: "host", path: "topic://test"),
        "amqp://user@host:5672/topic://test"),
    URLCase(
        "user:pass@host/topic://test",
        AMQPURL(user: "user", password: "pass", host: "host", path: "topic://test"),
        "amqp://user:***@host:5672/topic://test"),
    URLCase(
        "h/a%20b;c?d=1#e@f:g [z]", AMQPURL(host: "h", path: "a%20b;c?d=1#e@f:g [z]"),
        "amqp://h:5672/a%20b;c?d=1#e@f:g [z]"),
    URLCase("h/news/#", AMQPURL(host: "h", path: "news/#"), "amqp://h:5672/news/#"),
    URLCase("h/\u{301}x", AMQPURL(host: "h", path: "\u{301}x"), "amqp://h:5672/\u{301}x"),
]

@Suite struct URLTests {
    @Test("Every part is read, and the missing ones have their defaults", arguments: urls)
    func reading(_ expected: URLCase) throws {
        let url = try AMQPURL(expected.text)
        #expect(url == expected.url)
        #expect(url.description == expected.description)
    }

    @Test("A description without a password reads back to the same URL", arguments: urls)
    func roundTrip(_ expected: URLCase) throws {
        var url = expected.url
        url.password = nil
        #expect(try AMQPURL(url.description) == url)
    }

    @Test(
        "What is no URL is refused where it is wrong",
        arguments: [
            ("http://host", .invalidScheme, 0),
            ("://host", .invalidScheme, 0),
            ("user://pw@host", .invalidScheme, 0),
            ("host:http", .invalidPort, 5),
            ("host:65536", .invalidPort, 5),
            ("host:-1", .invalidPort, 5),
            ("host:+1", .invalidPort, 5),
            ("amqp://host:99999999999999999999/x", .invalidPort, 12),
            ("host:5672 ", .invalidPort, 5),
            ("host:\u{664}", .invalidPort, 5),
            ("host:\u{301}", .invalidPort, 5),
            ("amqp:host", .invalidPort, 5),
            ("::1/q", .invalidHost, 0),
            ("a:b:c", .invalidHost, 0),
            ("[::1", .invalidHost, 0),
            ("[::1]x", .invalidHost, 5),
            ("[::1]5672", .invalidHost, 5),
            ("[host]:5672", .invalidHost, 0),
            ("[]:5672", .invalidHost, 0),
            ("[::[1]", .invalidHost, 0),
            ("my host", .invalidHost, 2),
            ("é host", .invalidHost, 2),
            ("\thost", .invalidHost, 0),
            ("host?x=1", .invalidHost, 4),
            ("host#x", .invalidHost, 4),
            ("ho%73t", .invalidHost, 2),
            ("host\\x", .invalidHost, 4),
            ("%@host", .invalidUserInfo, 0),
            ("%4@host", .invalidUserInfo, 0),
            ("%zz@host", .invalidUserInfo, 0),
            ("u:%ff@host", .invalidUserInfo, 2),
            ("amqp://u%00:p@host", .invalidUserInfo, 7),
        ] as [(String, AMQPURLError.Code, Int)])
    func refusal(_ text: String, code: AMQPURLError.Code, offset: Int) {
        let error = #expect(throws: AMQPURLError.self) { try AMQPURL(text) }
        #expect(error?.code == code)
        #expect(error?.offset == offset)
        #expect(error?.description.hasSuffix("(at byte \(offset))") == true)
    }

    @Test("A zero byte, which would cut a C string short, is refused everywhere")
    func zeroBytes() {
        for (text, code) in [
            ("ho\0st", .invalidHost), ("host:1\0", .invalidPort), ("u\0:p@host", .invalidUserInfo),
            ("host/a\0b", .invalidPath),
        ] as [(String, AMQPURLError.Code)] {
            #expect(#expect(throws: AMQPURLError.self) { try AMQPURL(text) }?.code == code)
        }
    }

    @Test(
        "No error shows a password",
        arguments: ["amqp://user:hunter2", "user:hunter2/x@host", "user:hunter2%@host", "u:hunter2@host:port"])
    func errorsHidePasswords(_ text: String) {
        let error = #expect(throws: AMQPURLError.self) { try AMQPURL(text) }
        #expect(error.map { "\($0)\(String(reflecting: $0))" }?.contains("hunter2") == false)
    }

    @Test("Nothing that prints a URL shows its password")
    func printingHidesThePassword() throws {
        let url = try AMQPURL("amqp://me:hunter2@host")
        var dumped = ""
        dump([url], to: &dumped)
        for text in ["\(url)", String(reflecting: url), "\([url])", "\(Optional(url) as Any)", dumped] {
            #expect(!text.contains("hunter2"))
            #expect(text.contains("me:***@host"))
        }
    }

    @Test("The scheme's port is the default of a URL made of parts")
    func parts() {
        #expect(AMQPURL() == AMQPURL(scheme: .amqp, host: "localhost", port: 5672))
        #expect(AMQPURL(scheme: .amqps).port == 5671)
        #expect(AMQPURL(host: "[::1]") == AMQPURL(host: "::1"))
    }

    @Test("Parts can be changed one by one")
    func changedParts() throws {
        var url = try AMQPURL("amqp://u:p@host:amqp/path")
        url.scheme = .amqps
        url.host = "bar"
        url.port = 1234
        url.path = "garden"
        let expected = AMQPURL(scheme: .amqps, user: "u", password: "p", host: "bar", port: 1234, path: "garden")
        #expect(url == expected)
    }

    @Test("URLs are equal that mean the same")
    func equality() throws {
        #expect(try AMQPURL("foo/path") == AMQPURL("amqp://foo:amqp/path"))
        #expect(try AMQPURL("foo/path") != AMQPURL("bar/path"))
        #expect(try AMQPURL("foo/path") != AMQPURL("amqps://foo:amqp/path"))
        #expect(try AMQPURL("foo/path") != AMQPURL("foo"))
    }

    @Test(
        "Proton gets host and port without brackets",
        arguments: [("", "localhost:5672"), ("[::1]:1", "::1:1"), ("127.0.0.1:amqps/x", "127.0.0.1:5671")])
    func proactorAddress(_ text: String, _ address: String) throws {
        #expect(try AMQPURL(text).hostAndPort == address)
    }
}
