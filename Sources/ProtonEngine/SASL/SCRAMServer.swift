// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A server's side of SCRAM (RFC 5802), without channel binding: a state machine that stores no users.
struct SCRAMServer {
    /// The result of a message from the client.
    enum Step: Equatable {
        /// Look up the user's credential; `found` follows.
        case find(user: String)
        /// The client has proved that it knows the password; `data` is sent with the outcome.
        case success(user: String, authorization: String?, data: [UInt8])
        /// The client has not proved it, or has violated the protocol.
        case failure(user: String?)
    }

    private enum State {
        case new
        case finding(First)
        case challenged(First, SCRAMCredential, nonce: [UInt8], message: [UInt8])
        case ended
    }

    /// The client's first message.
    private struct First {
        var header: ArraySlice<UInt8>
        var bare: ArraySlice<UInt8>
        var user: String
        var authorization: String?
        var nonce: ArraySlice<UInt8>
    }

    let hash: SCRAMHash
    private let nonce: String
    private var state = State.new

    /// - Parameter nonce: random, printable and without a comma.
    init(_ hash: SCRAMHash, nonce: String) {
        (self.hash, self.nonce) = (hash, nonce)
    }

    /// Handles a message from the client.
    mutating func respond(to message: [UInt8]) -> Step {
        let before = state
        state = .ended
        switch before {
        case .new:
            guard let first = SCRAMServer.parse(message) else { return .failure(user: nil) }
            state = .finding(first)
            return .find(user: first.user)
        case .challenged(let first, let credential, let nonce, let challenge):
            return check(message, first, credential, nonce, challenge)
        case .finding, .ended: return .failure(user: nil)
        }
    }

    /// Handles the user's credential.
    /// - Returns: the challenge to send.
    mutating func found(_ credential: SCRAMCredential) -> [UInt8] {
        guard case .finding(let first) = state else { return [] }
        let whole = first.nonce + Array(nonce.utf8)
        let rest = ",s=\(Base64.encode(credential.salt)),i=\(credential.iterations)"
        let message = Array("r=".utf8) + whole + Array(rest.utf8)
        state = .challenged(first, credential, nonce: Array(whole), message: message)
        return message
    }

    private static func parse(_ message: [UInt8]) -> First? {
        guard message.count <= SCRAMMessage.maxSize else { return nil }
        let parts = message.split(separator: SCRAMMessage.comma, maxSplits: 2, omittingEmptySubsequences: false)
        // A client that requires channel binding would use another mechanism (RFC 5802, section 6).
        guard parts.count == 3, parts[0].elementsEqual("n".utf8) || parts[0].elementsEqual("y".utf8),
            let attributes = SCRAMMessage.attributes(parts[2]), attributes.count >= 2, attributes[0].isNamed("n"),
            attributes[1].isNamed("r"), SCRAMMessage.isNonce(attributes[1].value),
            let user = SCRAMMessage.name(attributes[0].value)
        else { return nil }
        var authorization: String?
        if !parts[1].isEmpty {
            guard parts[1].starts(with: "a=".utf8), let name = SCRAMMessage.name(parts[1].dropFirst(2)) else {
                return nil
            }
            authorization = name
        }
        return First(
            header: message[..<parts[2].startIndex], bare: parts[2], user: user, authorization: authorization,
            nonce: attributes[1].value)
    }

    private func check(
        _ message: [UInt8], _ first: First, _ credential: SCRAMCredential, _ nonce: [UInt8], _ challenge: [UInt8]
    ) -> Step {
        guard let attributes = SCRAMMessage.attributes(message[...]), attributes.count >= 3, attributes[0].isNamed("c"),
            Base64.decode(attributes[0].value) == Array(first.header), attributes[1].isNamed("r"),
            attributes[1].value.elementsEqual(nonce), let last = attributes.last, last.isNamed("p"),
            let proof = Base64.decode(last.value), proof.count == hash.size
        else { return .failure(user: first.user) }
        // The message without the proof: without `,p=` and what follows it.
        let final = message[..<(last.value.startIndex - 3)]
        let comma = [SCRAMMessage.comma]
        let authentication = Array(first.bare) + comma + challenge + comma + final
        let signature = hash.authenticate(authentication, key: credential.storedKey)
        let key = zip(proof, signature).map { $0 ^ $1 }
        let answer = hash.authenticate(authentication, key: credential.serverKey)
        guard Secrets.areEqual(hash.digest(key), credential.storedKey) else { return .failure(user: first.user) }
        return .success(
            user: first.user, authorization: first.authorization, data: Array("v=\(Base64.encode(answer))".utf8))
    }
}
