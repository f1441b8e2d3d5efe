// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import ProtonEngine
import ProtonUtilities

/// A file of users and salted hashes of their passwords, which decides who may log in at a listener.
///
/// One user a line, in text; nobody can log in with what it holds, but it can be guessed from: keep it to its owner. It is read
/// again when it has changed. Where it cannot be read any more, or has an error, the users that were read last stay valid, and
/// `onReadError` is told.
///
///     let users = try UserFile(path: "/etc/broker/users")
///     try users.set("anna", password: "…")
///     options.authentication = .required(users)
///
/// It serves SCRAM with SHA-1, SHA-256 and SHA-512, and PLAIN. A log-in with PLAIN is hashed on one of two threads of its own;
/// where 256 wait for them, others are told to try again later.
///
/// All of it may be used from any thread, and by several processes: each change is written to a new file that takes the
/// place of the old one, with the permissions 0600, under a lock (`PATH.lock`).
public final class UserFile: Authenticator {
    /// The file.
    public let path: String
    /// How many rounds new passwords are hashed for. Default `SCRAMCredential.defaultIterations`.
    public let iterations: Int
    private let state: UncheckedMutex<State>
    /// Held while the file is changed by this process.
    private let changing = UncheckedMutex(())
    private let hashing: PasswordHashing
    private let onReadError: @Sendable (ProtonError) -> Void

    /// What was read, and from which version of the file.
    private struct State {
        var table: UserTable
        var version: FileVersion?
        /// The version of the file that could not be read.
        var brokenVersion: FileVersion?
    }

    /// Reads a file.
    /// - Parameters:
    ///   - path: where it is; a file that there is not has no users, and `set` makes it.
    ///   - iterations: how many rounds `set` hashes for: 4,096 to 1,000,000.
    ///   - onReadError: is told where the file has changed and cannot be read, once a change, from any thread.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file, and the line that is wrong.
    public convenience init(
        path: String, iterations: Int = SCRAMCredential.defaultIterations,
        onReadError: @escaping @Sendable (ProtonError) -> Void = { _ in }
    ) throws {
        try self.init(path: path, iterations: iterations, hashing: .shared, onReadError: onReadError)
    }

    init(
        path: String, iterations: Int, hashing: PasswordHashing,
        onReadError: @escaping @Sendable (ProtonError) -> Void = { _ in }
    ) throws {
        guard SCRAMCredential.allowedIterations.contains(iterations) else {
            throw ProtonError(.invalidArgument, "iterations is \(iterations): it must be from 4,096 to 1,000,000.")
        }
        (self.path, self.iterations, self.hashing) = (path, iterations, hashing)
        self.onReadError = onReadError
        let version = FileVersion(of: path)
        state = UncheckedMutex(State(table: try UserTable.read(path), version: version))
    }

    // MARK: Users

    /// The users' names, in their order in the file.
    public var users: [String] { current.users.map(\.name) }

    /// Adds a user, or gives one another password. It takes some 50 ms.
    /// - Throws: `ProtonError.Code.invalidArgument` for a name or a password with characters that none may have, an empty one, or
    ///   one of more than 1,024 bytes, and where the file cannot be written.
    public func set(_ user: String, password: String) throws {
        let credentials = try SCRAMHash.allCases.map { hash in
            (hash, try SCRAMCredential(password: password, hash: hash, iterations: iterations))
        }
        let name = try UserTable.checkedName(user)
        try change { $0.set(User(name: name, credentials: Dictionary(uniqueKeysWithValues: credentials))) }
    }

    /// Removes a user, who cannot log in any more; connections live on.
    /// - Returns: whether there was such a user.
    /// - Throws: `ProtonError.Code.invalidArgument` where the file cannot be written.
    @discardableResult
    public func remove(_ user: String) throws -> Bool {
        var wasThere = false
        try change { wasThere = $0.remove(user) }
        return wasThere
    }

    /// Changes what the file has now, whoever has written it.
    private func change(_ change: (inout UserTable) -> Void) throws {
        try changing.withLock { _ in
            try FileReplacement.withLock(on: path) {
                var table = try UserTable.read(path)
                change(&table)
                try FileReplacement.write(Array(table.text.utf8), to: path)
                let version = FileVersion(of: path)
                state.withLock { $0 = State(table: table, version: version) }
            }
        }
    }

    /// What the file has now; what it had before where it cannot be read.
    private var current: UserTable {
        let version = FileVersion(of: path)
        let (table, isKnown) = state.withLock { state in
            (state.table, version == state.version || version == state.brokenVersion)
        }
        guard !isKnown else { return table }
        do {
            guard version != nil else { throw ProtonError(.invalidArgument, "\(path): is gone, or cannot be read.") }
            let table = try UserTable.read(path)
            state.withLock { $0 = State(table: table, version: version) }
            return table
        } catch {
            let isNew = state.withLock { exchange(&$0.brokenVersion, with: version) != version }
            if isNew || version == nil {
                onReadError(error as? ProtonError ?? ProtonError(.invalidArgument, "\(error)"))
            }
            return table
        }
    }

    // MARK: Authenticator

    /// SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, and EXTERNAL for certificates that TLS has verified.
    public var mechanisms: Set<SASLMechanism> { [.external, .scramSHA512, .scramSHA256, .scramSHA1, .plain] }

    /// Whether a user's password is right; as long for one that there is not.
    public func verify(_ login: PasswordLogin) async throws -> Bool {
        let hash = SCRAMHash.sha256
        let credential = current.credential(for: login.user, hash)
        let salted = await hashing.derive(
            login.password, salt: credential.salt, iterations: credential.iterations, hash: hash)
        guard let salted else {
            throw ProtonError(.limitExceeded, "Too many passwords wait to be hashed: log in later.")
        }
        return credential.matches(saltedPassword: salted, hash: hash)
    }

    /// What is kept of a user's password; something that looks like it for one that there is not.
    public func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? {
        current.credential(for: user, hash)
    }
}

extension UserFile: CustomStringConvertible, CustomReflectable {
    /// The path.
    public var description: String { "UserFile(\(path))" }
    /// The path.
    public var customMirror: Mirror { Mirror(self, children: ["path": path]) }
}
