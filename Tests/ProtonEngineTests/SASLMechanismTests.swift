// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// The mechanisms without SCRAM, by their bytes.
struct SASLMechanismTests {
    private static func initial(_ exchange: (any ClientExchange)?) throws -> [UInt8]? {
        guard var exchange else { return nil }
        guard case .send(let response) = try exchange.start() else { return nil }
        return response
    }

    @Test func plainHasThreeParts() throws {
        let own = SingleResponse.plain(user: "tim", password: "tanstaaftanstaaf", authorization: nil)
        #expect(try Self.initial(own) == Array("\0tim\0tanstaaftanstaaf".utf8))
        let other = SingleResponse.plain(user: "Kurt", password: "xipj3plmq", authorization: "Ursel")
        #expect(try Self.initial(other) == Array("Ursel\0Kurt\0xipj3plmq".utf8))
        for (user, password) in [("a\0b", "c"), ("a", "b\0c"), ("", "c")] {
            #expect(SingleResponse.plain(user: user, password: password, authorization: nil) == nil)
        }
    }

    /// Messages of PLAIN and what a server makes of them: authorization, user, password.
    @Test(
        arguments: [
            ("\0tim\0secret", [nil, "tim", "secret"]), ("Ursel\0Kurt\0x", ["Ursel", "Kurt", "x"]),
            ("\0\u{e9}\0\u{df}", [nil, "\u{e9}", "\u{df}"]),
        ] as [(String, [String?])])
    func plainIsTakenApart(_ text: String, _ parts: [String?]) throws {
        let message = try #require(PlainServer.parse(Array(text.utf8)))
        #expect([message.authorization, message.user, message.password] == parts)
    }

    @Test(arguments: [
        "", "\0", "\0\0", "tim", "\0tim", "\0tim\0", "\0\0secret", "\0tim\0secret\0", "\0tim\0se\u{7}cret",
        "a\0b\0c\0d",
        "\0tim\0\u{202e}secret", "\u{1}\0tim\0secret",
    ]) func whatIsNoPlainIsRefused(_ text: String) {
        #expect(PlainServer.parse(Array(text.utf8)) == nil)
    }

    @Test func plainThatIsNoTextIsRefused() {
        #expect(PlainServer.parse([0, 0xff, 0, 65]) == nil)
        #expect(PlainServer.parse([0, 65, 0, 0xc0, 0x80]) == nil)
        #expect(PlainServer.parse([0, 65, 0] + [UInt8](repeating: 65, count: 1_025)) == nil)
        #expect(PlainServer.parse([0, 65, 0] + [UInt8](repeating: 65, count: 1_024)) != nil)
    }

    /// RFC 7628, section 4.1.
    @Test func tokensAreSent() throws {
        let bearer = TokenExchange.oauthBearer(
            user: "user@example.com", token: "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", host: "server.example.com")
        let expected =
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}"
            + "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}"
        #expect(try Self.initial(bearer) == Array(expected.utf8))
        #expect(
            try Self.initial(TokenExchange.oauthBearer(user: nil, token: "t", host: nil))
                == Array("n,,\u{1}auth=Bearer t\u{1}\u{1}".utf8))
        let old = TokenExchange.xoauth2(user: "someuser@example.com", token: "ya29.vF9dft4q")
        #expect(
            try Self.initial(old) == Array("user=someuser@example.com\u{1}auth=Bearer ya29.vF9dft4q\u{1}\u{1}".utf8))
        for token in ["", "a b", "a\u{1}b", "a\nb", "\u{e9}"] {
            #expect(TokenExchange.oauthBearer(user: nil, token: token, host: nil) == nil)
            #expect(TokenExchange.xoauth2(user: nil, token: token) == nil)
        }
        #expect(TokenExchange.xoauth2(user: "a\u{1}b", token: "t") == nil)
    }

    /// RFC 7628, section 3.2.3: a server's reason is answered before the outcome comes.
    @Test func aReasonIsAnswered() throws {
        var bearer = try #require(TokenExchange.oauthBearer(user: nil, token: "t", host: nil))
        guard case .send([1]) = bearer.respond(to: Array("{\"status\":\"invalid_token\"}".utf8)) else {
            throw SASLError("another answer")
        }
        var old = try #require(TokenExchange.xoauth2(user: "u", token: "t"))
        guard case .send([]) = old.respond(to: Array("eyJzdGF0dXMiOiI0MDAifQ==".utf8)) else {
            throw SASLError("another answer")
        }
    }

    @Test func namesHaveTheirForm() {
        #expect(SASLMechanism("plain") == .plain && SASLMechanism.scramSHA256.isValid)
        for name in ["", "A B", "A\u{1b}[2J", "\u{e9}", String(repeating: "A", count: 21)] {
            let mechanism = SASLMechanism(rawValue: name)
            #expect(!mechanism.isValid && mechanism.description == "(no valid name)")
        }
    }

    @Test func base64IsThatOfTheStandard() {
        for (text, code) in [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            #expect(Base64.encode(Array(text.utf8)) == code && Base64.decode(code.utf8) == Array(text.utf8))
        }
        for code in [
            "Z", "Zg", "Zg=", "Zg===", "=Zg=", "Z===", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm-_", "====", "Zm9v=",
        ] {
            #expect(Base64.decode(code.utf8) == nil)
        }
    }

    @Test func base64GoesBothWays() {
        var generator = SystemRandomNumberGenerator()
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Base64.decode(Base64.encode(bytes).utf8) == bytes, "\(bytes)")
        }
    }

    @Test func namesArePrepared() {
        #expect(PreparedText.prepare("I\u{ad}X") == "IX" && PreparedText.prepare("user") == "user")
        #expect(PreparedText.prepare("a\u{a0}b") == "a b" && PreparedText.prepare("USER") == "USER")
        for text in ["", "\u{ad}", "a\u{7}", "a\u{7f}", "a\u{85}", "\u{e000}", "\u{202e}x", "a\u{2028}", "\u{fff0}"] {
            #expect(PreparedText.prepare(text) == nil)
        }
        #expect(PreparedText.prepare(String(repeating: "x", count: 1_025)) == nil)
    }

    @Test func credentialsHideTheirSecrets() {
        let provider = CredentialSource.provider { _ in .password(user: "u", password: "hunter2") }
        for value: Any in [
            Credentials.password(user: "u", password: "hunter2"), Credentials.token(user: "u", token: "hunter2"),
            CredentialSource.password(user: "u", password: "hunter2"), provider,
            PasswordLogin(user: "u", password: "hunter2"),
        ] {
            var text = "\(value) \(String(reflecting: value))"
            dump(value, to: &text)
            #expect(!text.contains("hunter2"), "\(text)")
        }
    }

    @Test(
        arguments: [
            ([127, 0, 0, 1], true), ([127, 8, 9, 10], true), ([126, 0, 0, 1], false), ([10, 0, 0, 127], false),
        ] as [([UInt8], Bool)]) func addressesOfThisMachine(_ bytes: [UInt8], isLoopback: Bool)
    {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes
        #expect(Transport.isLoopback(mapped) == isLoopback)
        #expect(!Transport.isLoopback([UInt8](repeating: 0, count: 12) + bytes) || bytes == [0, 0, 0, 1])
    }

    @Test func theSixteenBytesOfAnAddress() {
        let zeros = [UInt8](repeating: 0, count: 15)
        #expect(
            Transport.isLoopback(zeros + [1]) && !Transport.isLoopback(zeros + [0])
                && !Transport.isLoopback(zeros + [2]))
        #expect(!Transport.isLoopback([0xfe, 0x80] + zeros.dropLast(2) + [1]))
    }
}
