// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What a server keeps of a user's password for one SCRAM mechanism (RFC 5802, section 3): nobody can log in with it.
public struct SCRAMCredential: Sendable, Hashable {
    /// Random bytes that were hashed with the password.
    public let salt: [UInt8]
    /// How many rounds the password was hashed for.
    public let iterations: Int
    /// The hash of the key that a client proves to have (`StoredKey`).
    public let storedKey: [UInt8]
    /// The key that the server proves to have (`ServerKey`).
    public let serverKey: [UInt8]

    /// How many rounds a password is hashed for unless told otherwise: 15,000.
    ///
    /// That takes a client, or a server with PLAIN, about 10 ms a log-in.
    public static let defaultIterations = 15_000
    /// How many rounds there may be: 4,096 (RFC 7677, section 4) to 1,000,000.
    public static let allowedIterations = 4_096...1_000_000

    /// Takes what is kept elsewhere.
    public init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
        (self.salt, self.iterations) = (salt, iterations)
        (self.storedKey, self.serverKey) = (storedKey, serverKey)
    }

    /// Hashes a password; it takes milliseconds.
    /// - Parameters:
    ///   - password: 1 to 1,024 bytes of UTF-8.
    ///   - hash: the mechanism's.
    ///   - iterations: from `allowedIterations`. Default `defaultIterations`.
    ///   - salt: nil is 16 random bytes.
    /// - Throws: `ProtonError.Code.invalidArgument` for a password with characters that none may have, an empty or too long
    ///   one (1,024 bytes), and iterations that are not allowed.
    public init(
        password: String, hash: SCRAMHash, iterations: Int = defaultIterations, salt: [UInt8]? = nil
    ) throws(ProtonError) {
        guard let password = PreparedText.prepare(password) else {
            throw ProtonError(
                .invalidArgument, "A password has from 1 to 1,024 bytes of UTF-8, and no control characters.")
        }
        guard SCRAMCredential.allowedIterations.contains(iterations) else {
            throw ProtonError(.invalidArgument, "iterations is \(iterations): it must be from 4,096 to 1,000,000.")
        }
        guard let salt = salt ?? Secrets.random(SCRAMCredential.saltSize) else {
            throw ProtonError(.limitExceeded, "The system has no random bytes for a salt.")
        }
        let salted = hash.derive(Array(password.utf8), salt: salt, iterations: iterations)
        self.init(saltedPassword: salted, salt: salt, iterations: iterations, hash: hash)
    }

    init(saltedPassword: [UInt8], salt: [UInt8], iterations: Int, hash: SCRAMHash) {
        let keys = SCRAMKeys(saltedPassword: saltedPassword, hash: hash)
        self.init(salt: salt, iterations: iterations, storedKey: keys.stored, serverKey: keys.server)
    }

    /// How many bytes a new salt has.
    static let saltSize = 16

    /// What a user that there is not would have: the same salt each time, and keys that fit no password.
    /// - Parameter secret: what only the server knows: without it nobody can tell such a salt from a real one.
    package static func decoy(user: String, hash: SCRAMHash, iterations: Int, secret: [UInt8]) -> SCRAMCredential {
        let text = Array("\(hash.rawValue) \(user)".utf8)
        let salt = Array(SCRAMHash.sha256.authenticate(text, key: secret).prefix(saltSize))
        // What has to be random is only what a client would have to prove: were there none, no proof would fit either.
        let key = Secrets.random(hash.size) ?? hash.authenticate(text, key: secret)
        return SCRAMCredential(salt: salt, iterations: iterations, storedKey: key, serverKey: key)
    }

    /// Whether a salted password is the user's, in a time that tells nothing.
    package func matches(saltedPassword: [UInt8], hash: SCRAMHash) -> Bool {
        Secrets.areEqual(SCRAMKeys(saltedPassword: saltedPassword, hash: hash).stored, storedKey)
    }
}

extension SCRAMCredential: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The iterations, without the keys.
    public var description: String { "SCRAMCredential(iterations: \(iterations), (hidden))" }
    /// The same as `description`.
    public var debugDescription: String { description }
    /// The iterations, without the keys.
    public var customMirror: Mirror { Mirror(self, children: ["iterations": iterations]) }
}

/// The keys that follow from a salted password (RFC 5802, section 3).
struct SCRAMKeys {
    let client: [UInt8]
    let stored: [UInt8]
    let server: [UInt8]

    init(saltedPassword: [UInt8], hash: SCRAMHash) {
        client = hash.authenticate(Array("Client Key".utf8), key: saltedPassword)
        stored = hash.digest(client)
        server = hash.authenticate(Array("Server Key".utf8), key: saltedPassword)
    }
}
