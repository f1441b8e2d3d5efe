// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// SCRAM's state machines: the examples of the standards, and peers that break them.
struct SCRAMTests {
    /// One exchange of user `user` with password `pencil`.
    struct Vector: Sendable {
        var hash: SCRAMHash
        var nonce: String
        var serverNonce: String
        var salt: String
        var proof: String
        var signature: String

        var first: String { "r=\(nonce)\(serverNonce),s=\(salt),i=4096" }
        var final: String { "c=biws,r=\(nonce)\(serverNonce),p=\(proof)" }
    }

    /// RFC 5802, section 5; RFC 7677, section 3; and the latter with SHA-512, by Python's hashlib.
    static var vectors: [Vector] {
        [
            Vector(
                hash: .sha1, nonce: "fyko+d2lbbFgONRv9qkxdawL", serverNonce: "3rfcNHYJY1ZVvWVs7j",
                salt: "QSXCR+Q6sek8bf92", proof: "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                signature: "rmF9pqV8S7suAoZWja4dJRkFsKQ="),
            Vector(
                hash: .sha256, nonce: "rOprNGfwEbeRWgbNEkqO", serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                salt: "W22ZaJ0SNY7soEsUEjb6gQ==", proof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                signature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
            Vector(
                hash: .sha512, nonce: "rOprNGfwEbeRWgbNEkqO", serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                salt: "W22ZaJ0SNY7soEsUEjb6gQ==",
                proof: "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
                signature: "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="),
        ]
    }

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    /// A client that has hashed its password.
    private static func client(_ vector: Vector) throws -> SCRAMClient {
        var client = SCRAMClient(vector.hash, user: "user", authorization: nil, nonce: vector.nonce)
        #expect(client.start() == bytes("n,,n=user,r=\(vector.nonce)"))
        guard case .derive(let salt, let iterations) = try client.respond(to: bytes(vector.first)) else {
            throw SASLError("no password is wanted")
        }
        let salted = vector.hash.derive(bytes("pencil"), salt: salt, iterations: iterations)
        #expect(client.derived(salted) == bytes(vector.final))
        return client
    }

    @Test(arguments: vectors) func theExamplesOfTheStandards(_ vector: Vector) throws {
        var inOutcome = try Self.client(vector)
        try inOutcome.finish(Self.bytes("v=\(vector.signature)"))
        var inChallenge = try Self.client(vector)
        #expect(try inChallenge.respond(to: Self.bytes("v=\(vector.signature)")) == .send([]))
        try inChallenge.finish(nil)

        let salt = try #require(Base64.decode(vector.salt.utf8))
        let credential = try SCRAMCredential(password: "pencil", hash: vector.hash, iterations: 4_096, salt: salt)
        var server = SCRAMServer(vector.hash, nonce: vector.serverNonce)
        #expect(server.respond(to: Self.bytes("n,,n=user,r=\(vector.nonce)")) == .find(user: "user"))
        #expect(server.found(credential) == Self.bytes(vector.first))
        let end = server.respond(to: Self.bytes(vector.final))
        #expect(end == .success(user: "user", authorization: nil, data: Self.bytes("v=\(vector.signature)")))
    }

    @Test(arguments: ["v=", "", "v=AAAA", "e=other-error", "v=rmF9pqV8S7suAoZWja4dJRkFsKR="])
    func aServerThatDoesNotKnowThePasswordIsRefused(_ message: String) throws {
        var inOutcome = try Self.client(Self.vectors[0])
        #expect(throws: SASLError.self) { try inOutcome.finish(Self.bytes(message)) }
        var inChallenge = try Self.client(Self.vectors[0])
        #expect(throws: SASLError.self) { try inChallenge.respond(to: Self.bytes(message)) }
        // Nor does a success that follows help it.
        #expect(throws: SASLError.self) { try inChallenge.finish(Self.bytes("v=\(Self.vectors[0].signature)")) }
    }

    @Test func anOutcomeWithoutAnExchangeIsRefused() throws {
        var client = SCRAMClient(.sha256, user: "user", authorization: nil, nonce: "abc")
        #expect(throws: SASLError.self) { try client.finish(nil) }
        client = SCRAMClient(.sha256, user: "user", authorization: nil, nonce: "abc")
        _ = client.start()
        #expect(throws: SASLError.self) { try client.finish(Self.bytes("v=AAAA")) }
        client = try Self.client(Self.vectors[1])
        #expect(throws: SASLError.self) { try client.finish(nil) }
    }

    /// First messages of servers, and whether the password is hashed for them.
    @Test(arguments: [
        ("r=abcX,s=AAAA,i=4096", true), ("r=abcX,s=AAAA,i=1000000", true), ("r=abcX,s=AAAA,i=4096,x=y", true),
        // A nonce that is not ours, or only ours.
        ("r=abc,s=AAAA,i=4096", false), ("r=abX,s=AAAA,i=4096", false), ("r=,s=AAAA,i=4096", false),
        ("r=Xabc,s=AAAA,i=4096", false), ("r=abcX\u{1},s=AAAA,i=4096", false), ("r=abcX\u{301},s=AAAA,i=4096", false),
        // Numbers of rounds.
        ("r=abcX,s=AAAA,i=4095", false), ("r=abcX,s=AAAA,i=1", false), ("r=abcX,s=AAAA,i=0", false),
        ("r=abcX,s=AAAA,i=1000001", false), ("r=abcX,s=AAAA,i=2147483648", false), ("r=abcX,s=AAAA,i=-1", false),
        ("r=abcX,s=AAAA,i=99999999999999999999", false), ("r=abcX,s=AAAA,i=", false), ("r=abcX,s=AAAA,i=+4096", false),
        ("r=abcX,s=AAAA,i=04096", false), ("r=abcX,s=AAAA,i=4096 ", false),
        // Salts.
        ("r=abcX,s=,i=4096", false), ("r=abcX,s=A,i=4096", false), ("r=abcX,s=AAA*,i=4096", false),
        // Other messages.
        ("", false), (",,,", false), ("m=1,r=abcX,s=AAAA,i=4096", false), ("s=AAAA,r=abcX,i=4096", false), ("r", false),
    ]) func firstMessagesOfServers(_ message: String, isTaken: Bool) {
        var client = SCRAMClient(.sha256, user: "user", authorization: nil, nonce: "abc")
        _ = client.start()
        let step = try? client.respond(to: Self.bytes(message))
        #expect((step != nil) == isTaken)
    }

    @Test func aLongMessageIsRefused() {
        var client = SCRAMClient(.sha256, user: "user", authorization: nil, nonce: "abc")
        _ = client.start()
        let message = Self.bytes("r=abcX,s=AAAA,i=4096,x=") + [UInt8](repeating: 65, count: 1 << 20)
        #expect(throws: SASLError.self) { try client.respond(to: message) }
        var server = SCRAMServer(.sha256, nonce: "abc")
        #expect(server.respond(to: Self.bytes("n,,n=user,r=abc,x=") + message) == .failure(user: nil))
    }

    /// First messages of clients, and the user that they name.
    @Test(arguments: [
        ("n,,n=user,r=abc", "user"), ("y,,n=user,r=abc", "user"), ("n,a=other,n=user,r=abc", "user"),
        ("n,,n=a=2Cb=3Dc,r=abc", "a,b=c"), ("n,,n=user,r=abc,x=y", "user"), ("n,,n=Zo\u{eb},r=abc", "Zo\u{eb}"),
        ("p=tls-unique,,n=user,r=abc", nil), ("n,,n=,r=abc", nil), ("n,,n=a=b,r=abc", nil), ("n,,n=a=2c,r=abc", nil),
        ("n,,n=user,r=", nil), ("n,,n=user", nil), ("n,,r=abc,n=user", nil), ("n,,m=x,n=user,r=abc", nil), ("", nil),
        ("n,b=c,n=user,r=abc", nil), ("n,a=,n=user,r=abc", nil), ("n,,n=us\u{0}er,r=abc", nil),
        ("x,,n=user,r=abc", nil),
        ("n,,n=us\u{7}er,r=abc", nil), ("n,\u{301},n=user,r=abc", nil),
    ]) func firstMessagesOfClients(_ message: String, user: String?) {
        var server = SCRAMServer(.sha256, nonce: "xyz")
        #expect(server.respond(to: Self.bytes(message)) == user.map { .find(user: $0) } ?? .failure(user: nil))
    }

    @Test func theOtherIdentityIsProved() throws {
        var client = SCRAMClient(.sha256, user: "a=b", authorization: "x,y", nonce: "abc")
        let first = client.start()
        #expect(first == Self.bytes("n,a=x=2Cy,n=a=3Db,r=abc"))
        var server = SCRAMServer(.sha256, nonce: "def")
        #expect(server.respond(to: first) == .find(user: "a=b"))
        let credential = try SCRAMCredential(password: "p", hash: .sha256, iterations: 4_096)
        guard case .derive(let salt, let iterations) = try client.respond(to: server.found(credential)) else {
            throw SASLError("no password is wanted")
        }
        let final = client.derived(SCRAMHash.sha256.derive(Self.bytes("p"), salt: salt, iterations: iterations))
        let end = server.respond(to: final)
        guard case .success("a=b", "x,y", let data) = end else { throw SASLError("\(end)") }
        try client.finish(data)
        #expect(server.respond(to: final) == .failure(user: nil))
    }

    /// Last messages of clients that are none, or prove nothing.
    @Test(arguments: [
        "", "c=biws", "c=biws,r=abcxyz", "c=biws,r=abcxyz,p=", "c=biws,r=abcxyz,p=AAAA", "c=biws,r=abc,p=PROOF",
        "c=eSws,r=abcxyz,p=PROOF", "r=abcxyz,c=biws,p=PROOF", "c=biws,r=abcxyz,p=PROOF,x=y", "c=biws,r=abcxyz,x=PROOF",
    ]) func lastMessagesOfClients(_ message: String) throws {
        let credential = try SCRAMCredential(password: "p", hash: .sha256, iterations: 4_096)
        var server = SCRAMServer(.sha256, nonce: "xyz")
        _ = server.respond(to: Self.bytes("n,,n=user,r=abc"))
        _ = server.found(credential)
        let proof = Base64.encode([UInt8](repeating: 1, count: 32))
        let text = message.split(separator: "PROOF", omittingEmptySubsequences: false).joined(separator: proof)
        #expect(server.respond(to: Self.bytes(text)) == .failure(user: "user"))
    }

    @Test func secretsAreNotShown() throws {
        let credential = try SCRAMCredential(password: "p", hash: .sha256, iterations: 4_096)
        for text in ["\(credential)", String(reflecting: credential)] {
            #expect(!text.contains("\(credential.storedKey)") && text.contains("hidden"))
        }
        var dumped = ""
        dump(credential, to: &dumped)
        #expect(!dumped.contains("Key"))
    }

    @Test func aDecoyIsStableAndFitsNothing() throws {
        let secret: [UInt8] = [1, 2, 3]
        let one = SCRAMCredential.decoy(user: "x", hash: .sha256, iterations: 5_000, secret: secret)
        let two = SCRAMCredential.decoy(user: "x", hash: .sha256, iterations: 5_000, secret: secret)
        #expect(one.salt == two.salt && one.salt.count == 16 && one.storedKey != two.storedKey)
        #expect(one.salt != SCRAMCredential.decoy(user: "y", hash: .sha256, iterations: 5_000, secret: secret).salt)
        #expect(one.salt != SCRAMCredential.decoy(user: "x", hash: .sha1, iterations: 5_000, secret: secret).salt)
    }
}
