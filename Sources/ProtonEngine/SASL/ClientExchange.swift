// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The result of a step of a client's exchange.
enum ClientStep: Sendable {
    /// Send this response; nil, for the first step, means no initial response.
    case send([UInt8]?)
    /// Run this closure off the connection's thread, because it takes time, and continue the exchange with its result.
    case later(@Sendable () async throws -> (next: any ClientExchange, response: [UInt8]?))
}

/// A client's mechanism: a state machine, independent of proton, threads and time.
protocol ClientExchange: Sendable {
    mutating func start() throws(SASLError) -> ClientStep
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> ClientStep
    mutating func finish(_ data: [UInt8]?) throws(SASLError)
}

/// An error in an exchange, as a text that follows "the peer cannot be trusted:".
struct SASLError: Error, Equatable {
    let text: String

    init(_ text: String) { self.text = text }
}

/// A mechanism with a single response: ANONYMOUS, EXTERNAL, PLAIN.
struct SingleResponse: ClientExchange {
    let response: [UInt8]

    static func anonymous(user: String?) -> SingleResponse {
        SingleResponse(response: Array((user ?? "anonymous").utf8))
    }

    static func external(_ authorization: String?) -> SingleResponse {
        SingleResponse(response: Array((authorization ?? "").utf8))
    }

    /// PLAIN (RFC 4616); nil if a text has a zero byte, which PLAIN cannot send.
    static func plain(user: String, password: String, authorization: String?) -> SingleResponse? {
        let texts = [authorization ?? "", user, password].map { Array($0.utf8) }
        guard !user.isEmpty, !texts.joined().contains(0) else { return nil }
        return SingleResponse(response: Array(texts.joined(separator: [0])))
    }

    mutating func start() -> ClientStep { .send(response) }

    /// A server that ignores an initial response sends an empty challenge.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> ClientStep {
        guard challenge.isEmpty else { throw SASLError("it sent a challenge that the mechanism does not have") }
        return .send(response)
    }

    mutating func finish(_ data: [UInt8]?) {}
}

/// A token of OAuth 2.0: RFC 7628, or its predecessor XOAUTH2.
struct TokenExchange: ClientExchange {
    let response: [UInt8]
    /// The response that ends an exchange after the server has refused the token.
    let answerToError: [UInt8]

    /// OAUTHBEARER (RFC 7628, section 3.1); nil if a text has a character that it cannot send.
    static func oauthBearer(user: String?, token: String, host: String?) -> TokenExchange? {
        guard isToken(token), !hasControls(user), !hasControls(host) else { return nil }
        let authorization = user.map { Array("a=".utf8) + SCRAMMessage.escape($0) } ?? []
        let hostField = host.map { "host=\($0)\u{1}" } ?? ""
        return TokenExchange(
            response: Array("n,".utf8) + authorization + Array(",\u{1}\(hostField)auth=Bearer \(token)\u{1}\u{1}".utf8),
            answerToError: [1])
    }

    static func xoauth2(user: String?, token: String) -> TokenExchange? {
        guard isToken(token), !hasControls(user) else { return nil }
        return TokenExchange(
            response: Array("user=\(user ?? "")\u{1}auth=Bearer \(token)\u{1}\u{1}".utf8), answerToError: [])
    }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func hasControls(_ text: String?) -> Bool { text?.utf8.contains { $0 < 0x20 } ?? false }

    mutating func start() -> ClientStep { .send(response) }

    /// A challenge with the error in JSON: the server sends its outcome after the response.
    mutating func respond(to challenge: [UInt8]) -> ClientStep { .send(challenge.isEmpty ? response : answerToError) }

    mutating func finish(_ data: [UInt8]?) {}
}

/// SCRAM; the password is hashed off the connection's thread.
struct SCRAMExchange: ClientExchange {
    private var client: SCRAMClient
    private let password: String
    private let hashing: PasswordHashing

    init(_ client: SCRAMClient, password: String, hashing: PasswordHashing = .shared) {
        (self.client, self.password, self.hashing) = (client, password, hashing)
    }

    mutating func start() -> ClientStep { .send(client.start()) }

    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> ClientStep {
        switch try client.respond(to: challenge) {
        case .send(let response): return .send(response)
        case .derive(let salt, let iterations):
            let before = self
            return .later {
                let salted = await before.hashing.derive(
                    before.password, salt: salt, iterations: iterations, hash: before.client.hash)
                guard let salted else { throw SASLBusy() }
                var next = before
                // A separate statement, because a tuple would copy `next` before it is changed.
                let response = next.client.derived(salted)
                return (next, response)
            }
        }
    }

    mutating func finish(_ data: [UInt8]?) throws(SASLError) { try client.finish(data) }
}

/// The error if too many passwords wait to be hashed.
struct SASLBusy: Error {}

/// A mechanism of the program's own.
struct CustomExchange: ClientExchange {
    var exchange: any SASLClientExchange

    mutating func start() -> ClientStep {
        let before = exchange
        return .later {
            var exchange = before
            let response = try await exchange.start()
            return (CustomExchange(exchange: exchange), response)
        }
    }

    mutating func respond(to challenge: [UInt8]) -> ClientStep {
        let before = exchange
        return .later {
            var exchange = before
            let response = try await exchange.respond(to: challenge)
            return (CustomExchange(exchange: exchange), response)
        }
    }

    mutating func finish(_ data: [UInt8]?) throws(SASLError) {
        do {
            try exchange.finish(data)
        } catch {
            throw SASLError("\(error)")
        }
    }
}
