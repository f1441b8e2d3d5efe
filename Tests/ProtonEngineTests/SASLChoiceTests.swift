// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// Which mechanism a client uses, and what it says where there is none.
struct SASLChoiceTests {
    private typealias Circumstances = MechanismChoice.Circumstances

    private static let all: [SASLMechanism] = [
        .anonymous, .plain, .xoauth2, .scramSHA1, .oauthBearer, .scramSHA256, "GSSAPI", .scramSHA512, .external,
    ]

    private static func choice(
        _ offered: [SASLMechanism], _ credentials: Credentials, _ set: (inout Circumstances) -> Void = { _ in }
    ) -> SASLMechanism? {
        var circumstances = Circumstances()
        set(&circumstances)
        return try? MechanismChoice.choose(from: offered, with: credentials, circumstances).get().name
    }

    private static let password = Credentials.password(user: "u", password: "p")
    private static let token = Credentials.token(user: "u", token: "t")

    @Test func theStrongestIsUsed() {
        var offered = Self.all
        for name: SASLMechanism in [.scramSHA512, .scramSHA256, .scramSHA1, .plain] {
            #expect(Self.choice(offered, Self.password) == name)
            offered.removeAll { $0 == name }
        }
        #expect(Self.choice(offered, Self.password) == nil)
        #expect(Self.choice(Self.all, Self.token) == .oauthBearer)
        #expect(Self.choice([.xoauth2, .plain, .anonymous], Self.token) == .xoauth2)
        #expect(Self.choice(Self.all, .anonymous) == .anonymous)
        #expect(Self.choice(Self.all, .external) == .external)
    }

    @Test func aCertificateComesFirst() {
        for credentials in [Self.password, Self.token, .anonymous] {
            #expect(Self.choice(Self.all, credentials) { $0.hasCertificate = true } == .external)
        }
        // Asked for by name, and nothing else.
        #expect(Self.choice(Self.all, .anonymous) { $0.allowed = [.external] } == .external)
        #expect(Self.choice(Self.all, Self.password) { $0.allowed = [.external, .plain] } == .plain)
    }

    @Test func whoGivesASecretIsNeverAnonymous() {
        for credentials in [Self.password, Self.token, .external] {
            #expect(Self.choice([.anonymous], credentials) == nil)
            #expect(Self.choice([.anonymous], credentials) { $0.allowed = [.anonymous] } == nil)
        }
    }

    @Test func aSecretIsNotSentUnprotected() {
        #expect(Self.choice([.plain, .anonymous], Self.password) { $0.isProtected = false } == nil)
        #expect(Self.choice([.xoauth2, .oauthBearer], Self.token) { $0.isProtected = false } == nil)
        // These do not send it.
        #expect(Self.choice([.plain, .scramSHA1], Self.password) { $0.isProtected = false } == .scramSHA1)
        #expect(Self.choice([.anonymous], .anonymous) { $0.isProtected = false } == .anonymous)
    }

    @Test func whatIsNotAllowedIsNotUsed() {
        #expect(Self.choice(Self.all, Self.password) { $0.allowed = [.plain] } == .plain)
        #expect(Self.choice(Self.all, Self.password) { $0.allowed = [.anonymous] } == nil)
        #expect(Self.choice([.plain], Self.password) { $0.allowed = [.scramSHA1] } == nil)
    }

    /// What is offered, and what the error has to say.
    @Test func theErrorSaysWhatToDo() throws {
        func text(
            _ offered: [SASLMechanism], _ credentials: Credentials, _ set: (inout Circumstances) -> Void = { _ in }
        ) -> String {
            var circumstances = Circumstances()
            set(&circumstances)
            switch MechanismChoice.choose(from: offered, with: credentials, circumstances) {
            case .success(let choice): return "\(choice.name)"
            case .failure(let failure):
                let error = failure.error(of: "host:1", nil)
                #expect(error.code == .authenticationFailed)
                return error.message
            }
        }
        #expect(text([], Self.password).contains("it offers none"))
        #expect(text([.plain], .anonymous).contains("it offers PLAIN: give a user and a password"))
        #expect(text([.anonymous], Self.password).contains("leave the password out"))
        #expect(text([.plain], Self.password) { $0.isProtected = false }.contains("connect by amqps"))
        #expect(
            text([.plain], Self.password) { $0.allowed = [.scramSHA1] }.contains("allowedMechanisms leaves PLAIN out"))
        let many = (0..<1_000).map { SASLMechanism(rawValue: "M\($0)") } + ["\u{1b}[2J"]
        #expect(text(many, Self.password).contains("M15 and more") && text(many, Self.password).count < 300)
        #expect(text(["\u{1b}[2J"], Self.password).contains("(no valid name)"))
        #expect(!text(["\u{1b}[2J"], Self.password).contains("\u{1b}"))
    }

    @Test func mechanismsOfTheProgramComeFirst() {
        let own = OwnMechanism(name: "OWN")
        #expect(Self.choice(Self.all + ["OWN"], Self.password) { $0.custom = [own] } == "OWN")
        #expect(Self.choice(Self.all, Self.password) { $0.custom = [own] } == .scramSHA512)
        #expect(Self.choice(["OWN"], .anonymous) { $0.custom = [own] } == nil)
        #expect(Self.choice(["OWN"], Self.password) { ($0.custom, $0.isProtected) = ([own], false) } == nil)
        #expect(Self.choice(["OWN"], Self.password) { ($0.custom, $0.allowed) = ([own], [.plain]) } == nil)
        #expect(Self.choice(["OWN"], Self.password) { ($0.custom, $0.allowed) = ([own], ["OWN"]) } == "OWN")
    }
}

/// A mechanism that says the user's name.
struct OwnMechanism: SASLClientMechanism {
    let name: SASLMechanism

    func begin(_ credentials: Credentials, host: String?) -> (any SASLClientExchange)? {
        if case .password(let user, _) = credentials.kind { Exchange(user: user) } else { nil }
    }

    struct Exchange: SASLClientExchange {
        let user: String

        mutating func start() async throws -> [UInt8]? { Array(user.utf8) }
        mutating func respond(to challenge: [UInt8]) async throws -> [UInt8] { challenge.reversed() }
    }
}
