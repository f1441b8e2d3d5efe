// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The data that a server stores of a password for one SCRAM mechanism (RFC 5802, section 3); it is not enough to log in.
public struct SCRAMCredential: Sendable, Hashable {
    /// The random bytes that were hashed with the password.
    public let salt: [UInt8]
    /// The number of iterations of the hash.
    public let iterations: Int
    /// The hash of the key that a client proves to know (`StoredKey`).
    public let storedKey: [UInt8]
    /// The key that the server proves to know (`ServerKey`).
    public let serverKey: [UInt8]

    /// The default number of iterations: 15,000.
    ///
    /// This takes about 10 ms for each authentication, for a client, or for a server with PLAIN.
    public static let defaultIterations = 15_000
    /// The allowed number of iterations: 4,096 (RFC 7677, section 4) to 1,000,000.
    public static let allowedIterations = 4_096...1_000_000

    /// Creates a credential from stored data.
    public init(salt: [UInt8], iterations: Int, storedKey: [UInt8], serverKey: [UInt8]) {
        (self.salt, self.iterations) = (salt, iterations)
        (self.storedKey, self.serverKey) = (storedKey, serverKey)
    }

    /// Creates a credential by hashing a password, which takes milliseconds.
    /// - Parameters:
    ///   - password: the password.
    ///   - hash: the hash of the mechanism.
    ///   - salt: the salt; nil means 16 random bytes.
    ///   - iterations: the number of iterations, in `allowedIterations`. Default `defaultIterations`.
    /// - Throws: `ProtonError.Code.invalidArgument` if the password is empty, is longer than 1,024 bytes or has characters that
    ///   are not allowed, and if the iterations are not allowed.
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

    /// The size of a new salt, in bytes.
    static let saltSize = 16

    /// A credential for an unknown user: the same salt each time, and keys that match no password.
    /// - Parameter secret: a secret of the server: without it, such a salt cannot be distinguished from a real one.
    package static func decoy(user: String, hash: SCRAMHash, iterations: Int, secret: [UInt8]) -> SCRAMCredential {
        let text = Array("\(hash.rawValue) \(user)".utf8)
        let salt = Array(SCRAMHash.sha256.authenticate(text, key: secret).prefix(saltSize))
        // Only the key that a client would have to prove must be random. Without random bytes, no proof matches either.
        let key = Secrets.random(hash.size) ?? hash.authenticate(text, key: secret)
        return SCRAMCredential(salt: salt, iterations: iterations, storedKey: key, serverKey: key)
    }

    /// Whether a salted password is the user's, in a time that does not depend on the contents.
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

/// The keys that are derived from a salted password (RFC 5802, section 3).
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
