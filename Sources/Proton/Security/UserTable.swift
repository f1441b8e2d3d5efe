// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine

/// One user of a file.
struct User {
    var name: String
    var credentials: [SCRAMHash: SCRAMCredential]
}

/// The content of a file of users, and its text.
///
/// The first line is `# users of swift-qpid-proton 1 SECRET`; the salts of unknown users are derived from the secret. Empty lines
/// and lines that begin with `#` are ignored. Each other line is `NAME HASH:ITERATIONS:SALT:STOREDKEY:SERVERKEY …`, for `sha1`,
/// `sha256` and `sha512`, in Base64; in the name, spaces, `#`, `%` and characters that are not ASCII are percent-encoded.
struct UserTable {
    private(set) var users: [User] = []
    private var index: [String: Int] = [:]
    private let secret: [UInt8]

    /// The maximum size of a file, in bytes: 16 MiB, for about 40,000 users.
    static let maxSize = 16 * 1_024 * 1_024
    private static let heading = "# users of swift-qpid-proton 1 "

    /// Creates a table without users.
    init() throws(ProtonError) {
        guard let secret = Secrets.random(32) else {
            throw ProtonError(.limitExceeded, "The system has no random bytes.")
        }
        self.secret = secret
    }

    /// Reads a file; one that does not exist has no users.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file, and the wrong line.
    static func read(_ path: String) throws(ProtonError) -> UserTable {
        guard let bytes = try FileReplacement.read(path, maxSize: maxSize), !bytes.isEmpty else {
            return try UserTable()
        }
        return try UserTable(bytes, path: path)
    }

    init(_ bytes: [UInt8], path: String) throws(ProtonError) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ProtonError(.invalidArgument, "\(path): is not a file of users: it is not UTF-8.")
        }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.first, first.hasPrefix(UserTable.heading),
            let secret = Base64.decode(first.dropFirst(UserTable.heading.count).utf8), secret.count >= 16
        else {
            throw ProtonError(
                .invalidArgument,
                "\(path):1: is not a file of users: the first line must be \"\(UserTable.heading)\" and a secret. Let "
                    + "`broker --add-user` make the file.")
        }
        self.secret = secret
        for (number, line) in lines.enumerated().dropFirst() where !line.isEmpty && !line.hasPrefix("#") {
            guard let user = UserTable.user(line) else {
                throw ProtonError(
                    .invalidArgument,
                    "\(path):\(number + 1): is no line of a user: NAME HASH:ITERATIONS:SALT:STOREDKEY:SERVERKEY …")
            }
            guard index[user.name] == nil else {
                throw ProtonError(.invalidArgument, "\(path):\(number + 1): the user has a line already.")
            }
            set(user)
        }
    }

    // MARK: Users

    /// - Throws: `ProtonError.Code.invalidArgument` if the name is not allowed.
    static func checkedName(_ name: String) throws(ProtonError) -> String {
        guard let prepared = PreparedText.prepare(name) else {
            throw ProtonError(
                .invalidArgument, "A user's name has from 1 to 1,024 bytes of UTF-8, and no control characters.")
        }
        return prepared
    }

    mutating func set(_ user: User) {
        if let position = index[user.name] {
            users[position] = user
        } else {
            index[user.name] = users.count
            users.append(user)
        }
    }

    mutating func remove(_ name: String) -> Bool {
        guard let position = index[name] else { return false }
        users.remove(at: position)
        index = Dictionary(uniqueKeysWithValues: users.enumerated().map { ($1.name, $0) })
        return true
    }

    /// The stored credential of a user; for an unknown user one that looks like it.
    func credential(for name: String, _ hash: SCRAMHash) -> SCRAMCredential {
        let decoy = SCRAMCredential.decoy(
            user: name, hash: hash, iterations: decoyIterations(for: name, hash), secret: secret)
        return index[name].flatMap { users[$0].credentials[hash] } ?? decoy
    }

    /// The iterations of one of the users, always the same one for a name: the users of a file may have different ones.
    private func decoyIterations(for name: String, _ hash: SCRAMHash) -> Int {
        guard !users.isEmpty else { return SCRAMCredential.defaultIterations }
        let pick = Secrets.number(of: name, key: secret) % users.count
        return users[pick].credentials[hash]?.iterations ?? SCRAMCredential.defaultIterations
    }

    // MARK: Text

    /// The text of the file.
    var text: String {
        let lines = users.map { user in
            let parts = SCRAMHash.allCases.compactMap { hash in
                user.credentials[hash].map { credential in
                    ([hash.rawValue, "\(credential.iterations)"]
                        + [credential.salt, credential.storedKey, credential.serverKey].map(Base64.encode))
                        .joined(separator: ":")
                }
            }
            return ([UserTable.encoded(user.name)] + parts).joined(separator: " ") + "\n"
        }
        return "\(UserTable.heading)\(Base64.encode(secret))\n" + lines.joined()
    }

    private static func user(_ line: Substring) -> User? {
        let parts = line.split(separator: " ")
        guard parts.count >= 2, let name = decoded(parts[0]), PreparedText.prepare(name) == name else { return nil }
        var credentials: [SCRAMHash: SCRAMCredential] = [:]
        for part in parts.dropFirst() {
            guard let (hash, credential) = credential(part), credentials.updateValue(credential, forKey: hash) == nil
            else { return nil }
        }
        return User(name: name, credentials: credentials)
    }

    private static func credential(_ text: Substring) -> (SCRAMHash, SCRAMCredential)? {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 5, let hash = SCRAMHash(rawValue: String(fields[0])), let iterations = Int(fields[1]),
            SCRAMCredential.allowedIterations.contains(iterations), let salt = Base64.decode(fields[2].utf8),
            (8...64).contains(salt.count), let stored = Base64.decode(fields[3].utf8), stored.count == hash.size,
            let server = Base64.decode(fields[4].utf8), server.count == hash.size
        else { return nil }
        return (hash, SCRAMCredential(salt: salt, iterations: iterations, storedKey: stored, serverKey: server))
    }

    private static func encoded(_ name: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = name.utf8.flatMap { byte -> [UInt8] in
            let isPlain = (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "#")
            return isPlain ? [byte] : [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(Substring(rest.prefix(2)), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
