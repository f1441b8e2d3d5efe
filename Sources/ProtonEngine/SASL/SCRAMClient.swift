// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A client's side of SCRAM (RFC 5802), without channel binding: a state machine that does not hash the password itself.
struct SCRAMClient {
    /// The result of a message from the server.
    enum Step: Equatable {
        /// Hash the password; `derived` follows.
        case derive(salt: [UInt8], iterations: Int)
        /// Send this response.
        case send([UInt8])
    }

    private enum State {
        case new
        case sentFirst(bare: [UInt8])
        case deriving(authentication: [UInt8], final: [UInt8])
        case sentFinal(signature: [UInt8])
        /// The server has proved that it knows the password.
        case verified
        case failed
    }

    let hash: SCRAMHash
    private let user: String
    private let authorization: String
    private let nonce: String
    private var state = State.new

    /// The header of a client without channel binding.
    private var header: [UInt8] {
        Array("n,".utf8) + (authorization.isEmpty ? [] : Array("a=".utf8) + SCRAMMessage.escape(authorization))
            + [SCRAMMessage.comma]
    }

    /// - Parameters:
    ///   - user: the prepared user name.
    ///   - nonce: random, printable and without a comma.
    init(_ hash: SCRAMHash, user: String, authorization: String?, nonce: String) {
        (self.hash, self.user, self.authorization, self.nonce) = (hash, user, authorization ?? "", nonce)
    }

    /// 24 random bytes in Base64; nil if the system has no random bytes.
    static func makeNonce() -> String? { Secrets.random(24).map(Base64.encode) }

    mutating func start() -> [UInt8] {
        let bare = Array("n=".utf8) + SCRAMMessage.escape(user) + Array(",r=\(nonce)".utf8)
        state = .sentFirst(bare: bare)
        return header + bare
    }

    /// Handles a challenge.
    /// - Throws: `SASLError` if the server violates the protocol, or does not know the password.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> Step {
        let before = state
        state = .failed
        switch before {
        case .sentFirst(let bare): return try takeFirst(challenge, bare)
        case .sentFinal(let signature):
            try verify(challenge, signature)
            state = .verified
            return .send([])
        case .new, .deriving, .verified, .failed:
            throw SASLError("it sent a challenge that SCRAM does not have")
        }
    }

    private mutating func takeFirst(_ challenge: [UInt8], _ bare: [UInt8]) throws(SASLError) -> Step {
        guard let attributes = SCRAMMessage.attributes(challenge[...]), attributes.count >= 3,
            attributes[0].isNamed("r"), attributes[1].isNamed("s"), attributes[2].isNamed("i"),
            SCRAMMessage.isNonce(attributes[0].value), let salt = Base64.decode(attributes[1].value), !salt.isEmpty,
            let iterations = SCRAMMessage.number(attributes[2].value)
        else { throw SASLError("its first message of SCRAM is malformed") }
        let whole = attributes[0].value
        guard whole.starts(with: nonce.utf8), whole.count > nonce.utf8.count else {
            throw SASLError("its nonce does not go on from the client's")
        }
        guard SCRAMCredential.allowedIterations.contains(iterations) else {
            throw SASLError("it wants the password hashed \(iterations) times: 4,096 to 1,000,000 are taken")
        }
        let final = Array("c=\(Base64.encode(header)),r=".utf8) + whole
        let comma = [SCRAMMessage.comma]
        state = .deriving(authentication: bare + comma + challenge + comma + final, final: final)
        return .derive(salt: salt, iterations: iterations)
    }

    /// Handles the hashed password.
    /// - Returns: the response to send.
    mutating func derived(_ saltedPassword: [UInt8]) -> [UInt8] {
        guard case .deriving(let authentication, let final) = state else { return [] }
        let keys = SCRAMKeys(saltedPassword: saltedPassword, hash: hash)
        let proof = zip(keys.client, hash.authenticate(authentication, key: keys.stored)).map { $0 ^ $1 }
        state = .sentFinal(signature: hash.authenticate(authentication, key: keys.server))
        return final + Array(",p=\(Base64.encode(proof))".utf8)
    }

    /// Handles a successful outcome.
    /// - Parameter data: the additional data of the outcome: the server's last message, if that was not a challenge.
    /// - Throws: `SASLError` if the server has not proved that it knows the password.
    mutating func finish(_ data: [UInt8]?) throws(SASLError) {
        let before = state
        state = .failed
        switch before {
        case .verified: break
        case .sentFinal(let signature): try verify(data ?? [], signature)
        case .new, .sentFirst, .deriving, .failed:
            throw SASLError("it accepted the log-in without knowing the password")
        }
        state = .verified
    }

    private func verify(_ message: [UInt8], _ signature: [UInt8]) throws(SASLError) {
        guard let first = SCRAMMessage.attributes(message[...])?.first, first.isNamed("v"),
            let value = Base64.decode(first.value), Secrets.areEqual(value, signature)
        else { throw SASLError("it has not proved that it knows the password") }
    }
}
