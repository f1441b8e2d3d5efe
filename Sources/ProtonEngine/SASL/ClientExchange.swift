// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What a step of a client's exchange leads to.
enum ClientStep: Sendable {
    /// This is sent; nil, of the first step, is no initial response.
    case send([UInt8]?)
    /// Something has to be done first that takes its time: elsewhere, and then the exchange goes on with what comes of it.
    case later(@Sendable () async throws -> (next: any ClientExchange, response: [UInt8]?))
}

/// A client's mechanism: a state machine without proton, a thread or a clock.
protocol ClientExchange: Sendable {
    mutating func start() throws(SASLError) -> ClientStep
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> ClientStep
    mutating func finish(_ data: [UInt8]?) throws(SASLError)
}

/// What went wrong in an exchange: "the peer cannot be trusted: `text`".
struct SASLError: Error, Equatable {
    let text: String

    init(_ text: String) { self.text = text }
}

/// A mechanism that says all that it has to say at once: ANONYMOUS, EXTERNAL, PLAIN.
struct SingleResponse: ClientExchange {
    let response: [UInt8]

    static func anonymous(user: String?) -> SingleResponse {
        SingleResponse(response: Array((user ?? "anonymous").utf8))
    }

    static func external(_ authorization: String?) -> SingleResponse {
        SingleResponse(response: Array((authorization ?? "").utf8))
    }

    /// RFC 4616; nil where a text has a zero byte, which PLAIN cannot say.
    static func plain(user: String, password: String, authorization: String?) -> SingleResponse? {
        let texts = [authorization ?? "", user, password].map { Array($0.utf8) }
        guard !user.isEmpty, !texts.joined().contains(0) else { return nil }
        return SingleResponse(response: Array(texts.joined(separator: [0])))
    }

    mutating func start() -> ClientStep { .send(response) }

    /// A server that does not look at an initial response asks with nothing.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> ClientStep {
        guard challenge.isEmpty else { throw SASLError("it sent a challenge that the mechanism does not have") }
        return .send(response)
    }

    mutating func finish(_ data: [UInt8]?) {}
}

/// A token of OAuth 2.0: RFC 7628, or what came before it.
struct TokenExchange: ClientExchange {
    let response: [UInt8]
    /// What ends an exchange that a server has refused.
    let answerToError: [UInt8]

    /// RFC 7628, section 3.1; nil where a text has a character that it cannot say.
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

    /// A challenge says why the token is refused, in JSON: the outcome comes once it is answered.
    mutating func respond(to challenge: [UInt8]) -> ClientStep { .send(challenge.isEmpty ? response : answerToError) }

    mutating func finish(_ data: [UInt8]?) {}
}

/// SCRAM, with the password hashed off the connection's thread.
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
                // Apart: a tuple would take the copy before it is changed.
                let response = next.client.derived(salted)
                return (next, response)
            }
        }
    }

    mutating func finish(_ data: [UInt8]?) throws(SASLError) { try client.finish(data) }
}

/// Too many passwords wait to be hashed.
struct SASLBusy: Error {}

/// A mechanism of the program's.
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
