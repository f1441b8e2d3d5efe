// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
public import ProtonEngine
import ProtonUtilities

/// A file of users and salted hashes of their passwords, which authenticates the clients of a listener.
///
/// It is a text file with one user per line. Its hashes cannot be used to authenticate, but passwords can be guessed from them:
/// only its owner should read it. It is read again when it has changed. If it cannot be read any more, or has an error, the users
/// that were read last stay valid, and `onReadError` is called.
///
///     let users = try UserFile(path: "/etc/broker/users")
///     try users.set("anna", password: "…")
///     options.authentication = .required(users)
///
/// It supports SCRAM with SHA-1, SHA-256 and SHA-512, and PLAIN. The passwords of PLAIN are hashed on two threads of its own; if
/// 256 wait for them, further clients are told to try again later.
///
/// It may be used from any thread, and by several processes: each change is written to a new file with the permissions 0600 that
/// replaces the old one, under a lock (`PATH.lock`).
public final class UserFile: Authenticator {
    /// The path of the file.
    public let path: String
    /// The number of iterations for new passwords. Default `SCRAMCredential.defaultIterations`.
    public let iterations: Int
    private let state: UncheckedMutex<State>
    /// Held while the file is changed by this process.
    private let changing = UncheckedMutex(())
    private let hashing: PasswordHashing
    private let onReadError: @Sendable (ProtonError) -> Void

    /// The table that was read, and the version of the file it was read from.
    private struct State {
        var table: UserTable
        var version: FileVersion?
        /// The version of the file that could not be read.
        var brokenVersion: FileVersion?
    }

    /// Reads a file.
    /// - Parameters:
    ///   - path: the path of the file; if it does not exist, there are no users, and `set` creates it.
    ///   - iterations: the number of iterations for `set`: 4,096 to 1,000,000.
    ///   - onReadError: called once for each change of the file that cannot be read, from any thread.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file, and the wrong line.
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

    /// The users' names, in the order of the file.
    public var users: [String] { current.users.map(\.name) }

    /// Adds a user, or changes a user's password. It takes about 50 ms.
    /// - Throws: `ProtonError.Code.invalidArgument` for a name or a password that has forbidden characters, is empty, or has more
    ///   than 1,024 bytes, and if the file cannot be written.
    public func set(_ user: String, password: String) throws {
        let credentials = try SCRAMHash.allCases.map { hash in
            (hash, try SCRAMCredential(password: password, hash: hash, iterations: iterations))
        }
        let name = try UserTable.checkedName(user)
        try change { $0.set(User(name: name, credentials: Dictionary(uniqueKeysWithValues: credentials))) }
    }

    /// Removes a user, who cannot authenticate any more; existing connections stay open.
    /// - Returns: whether the user existed.
    /// - Throws: `ProtonError.Code.invalidArgument` if the file cannot be written.
    @discardableResult
    public func remove(_ user: String) throws -> Bool {
        var wasThere = false
        try change { wasThere = $0.remove(user) }
        return wasThere
    }

    /// Changes the file's current content, which another process may have written.
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

    /// The users of the file; the users that were read before if it cannot be read.
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

    /// Whether a user's password is correct; an unknown user takes as long.
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

    /// The stored credential of a user; for an unknown user one that looks like it.
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
