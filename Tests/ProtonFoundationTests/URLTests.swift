// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials
import ProtonFoundation
import Testing

/// Foundation's URL as AMQP's, and back.
struct URLTests {
    @Test(
        arguments: [
            ("amqp://localhost:5672", nil), ("amqps://host/q", "q"), ("amqp://host/a%20b", "a b"),
            ("amqp://host/news/%23", "news/#"), ("amqp://host/q?x=1", "q?x=1"), ("amqp://host/", ""),
            ("amqp://host/%C3%A9", "é"), ("amqp://host/50%25", "50%"),
        ] as [(String, String?)])
    func pathStandsForTheAddress(_ text: String, _ path: String?) throws {
        let url = try #require(URL(string: text))
        #expect(try AMQPURL(url).path == path)
    }

    @Test func partsAreDecoded() throws {
        let url = try AMQPURL(try #require(URL(string: "amqps://an%40na:s%2Fecret@[::1]:5670/q")))
        #expect(url == AMQPURL(scheme: .amqps, user: "an@na", password: "s/ecret", host: "::1", port: 5_670, path: "q"))
    }

    @Test func otherURLsAreErrors() throws {
        #expect(throws: AMQPURLError.self) { try AMQPURL(try #require(URL(string: "https://host/q"))) }
        #expect(throws: AMQPURLError.self) { try AMQPURL(try #require(URL(string: "file:///etc/hosts"))) }
        #expect(throws: AMQPURLError.self) { try AMQPURL(try #require(URL(string: "amqp://host/a%00"))) }
        #expect(throws: AMQPURLError.self) { try AMQPURL(try #require(URL(string: "amqp://host/%FF"))) }
    }

    @Test(arguments: [
        AMQPURL(), AMQPURL(scheme: .amqps, host: "example.com", path: "news/#"),
        AMQPURL(user: "a:b@c", password: "p w/d?", host: "::1", port: 0, path: "a b/ç%20/?x#y"),
        AMQPURL(user: "anna", host: "127.0.0.1", port: 65_535, path: ""),
    ])
    func urlComesBack(_ url: AMQPURL) throws {
        let foundation = try #require(URL(url))
        #expect(try AMQPURL(foundation) == url, "\(foundation)")
    }

    @Test func partsOfNoURLAreNone() {
        #expect(URL(AMQPURL(port: -1)) == nil)
        #expect(URL(AMQPURL(port: 65_536)) == nil)
    }
}
