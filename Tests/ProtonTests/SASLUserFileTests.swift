// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonTesting
import Testing

@testable import Proton
@testable import ProtonEngine

/// The file of users.
struct SASLUserFileTests {
    private let folder: TemporaryFolder
    private var path: String { "\(folder.path)/users" }

    init() throws { folder = try TemporaryFolder() }

    private func file(_ onReadError: @escaping @Sendable (ProtonError) -> Void = { _ in }) throws -> UserFile {
        try UserFile(
            path: path, iterations: 4_096, hashing: PasswordHashing(threads: 1, maxWaiting: 8), onReadError: onReadError
        )
    }

    private func write(_ text: String) throws {
        try FileReplacement.write(Array(text.utf8), to: path)
    }

    private func read() throws -> String {
        String(decoding: try FileReplacement.read(path, maxSize: 1 << 20) ?? [], as: UTF8.self)
    }

    private func verify(_ users: UserFile, _ user: String, _ password: String) async throws -> Bool {
        try await users.verify(PasswordLogin(user: user, password: password))
    }

    @Test func usersAreAddedChangedAndRemoved() async throws {
        let users = try file()
        #expect(users.users.isEmpty)
        try users.set("anna", password: "secret")
        try users.set("b\u{f6}b #1 100%", password: "other")
        #expect(users.users == ["anna", "b\u{f6}b #1 100%"])
        #expect(try await verify(users, "anna", "secret"))
        #expect(try await verify(users, "b\u{f6}b #1 100%", "other"))
        #expect(try await !verify(users, "anna", "other"))
        #expect(try await !verify(users, "carl", "secret"))
        // Another reader sees the same.
        let again = try file()
        #expect(again.users == users.users)
        try again.set("anna", password: "new")
        #expect(try await verify(users, "anna", "new"))
        #expect(try await !verify(users, "anna", "secret"))
        #expect(try users.remove("anna") && !users.remove("anna"))
        #expect(try await !verify(again, "anna", "new"))
        #expect(again.users == ["b\u{f6}b #1 100%"])
    }

    @Test func theFileIsItsOwnersAndHoldsNoPassword() throws {
        let users = try file()
        try users.set("anna", password: "correct horse battery staple")
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let text = try read()
        #expect(!text.contains("horse") && text.hasPrefix("# users of swift-qpid-proton 1 "))
        #expect(text.split(separator: "\n").count == 2 && text.contains("anna sha1:4096:"))
        // Only the file and its lock are left.
        #expect(glob("\(folder.path)/*") == ["\(path)", "\(path).lock"])
    }

    private func glob(_ pattern: String) -> [String] {
        var result = glob_t()
        defer { globfree(&result) }
        guard Glibc.glob(pattern, 0, nil, &result) == 0 else { return [] }
        return (0..<Int(result.gl_pathc)).compactMap { result.gl_pathv[$0].map { String(cString: $0) } }
    }

    @Test func aLinkStaysALink() throws {
        let link = "\(folder.path)/link"
        try file().set("anna", password: "a")
        #expect(symlink(path, link) == 0)
        let users = try UserFile(path: link, iterations: 4_096)
        try users.set("bob", password: "b")
        #expect(try file().users == ["anna", "bob"])
        unlink("\(link).lock")
        var status = stat()
        #expect(lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    }

    /// Files that are none, and what the error has to say.
    @Test(arguments: [
        ("anna secret\n", ":1: is not a file of users"), ("# users of swift-qpid-proton 1 AAAA\n", ":1: is not"),
        ("HEAD\nanna\n", ":2: is no line of a user"), ("HEAD\n\n# x\nanna sha256:1:AAAA:AAAA:AAAA\n", ":4: is no line"),
        ("HEAD\nan%na LINE\n", ":2: is no line"), ("HEAD\nan%00na LINE\n", ":2: is no line"),
        ("HEAD\nanna LINE LINE\n", ":2: is no line"),
        ("HEAD\nanna LINE\nanna LINE\n", ":3: the user has a line already"),
        ("HEAD\nanna sha3:4096:AAAA:AAAA:AAAA\n", ":2: is no line"), ("HEAD\nanna LINE:x\n", ":2: is no line"),
    ]) func errorsNameTheLine(_ text: String, _ reason: String) throws {
        let head = "# users of swift-qpid-proton 1 \(Base64.encode([UInt8](repeating: 1, count: 32)))"
        let key = Base64.encode([UInt8](repeating: 2, count: 32))
        let line = "sha256:4096:\(Base64.encode([UInt8](repeating: 3, count: 16))):\(key):\(key)"
        let whole = text.split(separator: "HEAD", omittingEmptySubsequences: false).joined(separator: head)
            .split(separator: "LINE", omittingEmptySubsequences: false).joined(separator: line)
        try write(whole)
        let error = #expect(throws: ProtonError.self) { try file() }
        #expect(
            error?.code == .invalidArgument && error?.message.hasPrefix("\(path)\(reason)") == true, "\(error as Any)")
        // Nor is it overwritten.
        #expect(try read() == whole)
        try write(head + "\nanna \(line)\n")
        #expect(try file().users == ["anna"])
    }

    @Test func whatIsNoFileIsRefused() throws {
        #expect(throws: ProtonError.self) { try UserFile(path: folder.path) }
        #expect(throws: ProtonError.self) { try UserFile(path: "/dev/null") }
        #expect(throws: ProtonError.self) { try UserFile(path: path, iterations: 1) }
        let nowhere = try UserFile(path: "\(folder.path)/no/users")
        #expect(nowhere.users.isEmpty)
        #expect(throws: ProtonError.self) { try nowhere.set("anna", password: "a") }
        try FileReplacement.write([0xff, 0xfe], to: path)
        #expect(throws: ProtonError.self) { try file() }
    }

    @Test(arguments: [("", "a"), ("a\n", "a"), ("a", ""), ("a", "b\u{0}"), (String(repeating: "x", count: 1_025), "a")])
    func whatNobodyIsCalledIsRefused(_ user: String, _ password: String) throws {
        let users = try file()
        let error = #expect(throws: ProtonError.self) { try users.set(user, password: password) }
        #expect(error?.code == .invalidArgument && users.users.isEmpty)
    }

    @Test func aFileThatBreaksKeepsItsUsers() async throws {
        let log = SharedLog()
        let users = try file { log.note($0.message) }
        try users.set("anna", password: "secret")
        let good = try read()
        try write("broken")
        #expect(try await verify(users, "anna", "secret"))
        #expect(try await verify(users, "anna", "secret"))
        #expect(log.lines.count == 1 && log.lines[0].contains(":1: is not a file of users"))
        #expect(throws: ProtonError.self) { try users.set("bob", password: "b") }
        try write(good)
        #expect(try await verify(users, "anna", "secret"))
        #expect(users.users == ["anna"])
        #expect(log.lines.count == 1)
    }

    /// An unknown user costs what a wrong password does: by rounds, since a clock would not tell the same twice.
    @Test func anUnknownUserCostsTheSame() async throws {
        let hashing = PasswordHashing(threads: 1, maxWaiting: 8)
        let users = try UserFile(path: path, iterations: 5_000, hashing: hashing)
        try users.set("anna", password: "secret")
        for (user, password) in [("anna", "secret"), ("anna", "wrong"), ("carl", "secret"), ("", ""), ("carl", "x")] {
            let before = hashing.rounds
            _ = try await verify(users, user, password)
            #expect(hashing.rounds - before == 5_000)
        }
        for hash in SCRAMHash.allCases {
            let one = try #require(try await users.scramCredential(for: "carl", hash: hash))
            let two = try #require(try await file().scramCredential(for: "carl", hash: hash))
            let real = try #require(try await users.scramCredential(for: "anna", hash: hash))
            // Also after a restart.
            #expect(one.salt == two.salt && one.iterations == 5_000 && real.iterations == 5_000)
            #expect(one.salt.count == real.salt.count && one.storedKey.count == real.storedKey.count)
        }
    }

    @Test func whatIsTooMuchIsSaid() async throws {
        let hashing = PasswordHashing(threads: 1, maxWaiting: 2)
        let results = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask { await hashing.derive("p", salt: [1], iterations: 20_000, hash: .sha512) != nil }
            }
            return await group.reduce(into: [Bool]()) { $0.append($1) }
        }
        #expect(
            results.count { $0 } >= 2 && results.count { !$0 } >= 1 && hashing.rounds == 20_000 * results.count { $0 })
    }

    @Test func changesAtTheSameTimeAreAllMade() async throws {
        let users = try file()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<20 { group.addTask { try users.set("user\(index)", password: "p") } }
            try await group.waitForAll()
        }
        #expect(Set(users.users) == Set((0..<20).map { "user\($0)" }))
    }

    @Test(.timeLimit(.minutes(1))) func itServesAListener() async throws {
        let users = try file()
        try users.set("anna", password: "secret")
        try await LoginServer.run(.required(users)) { server in
            for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"] {
                #expect(server.login("anna:secret@") { $0.allowedMechanisms = [mechanism] } == nil)
                #expect(
                    server.login("anna:wrong@") { $0.allowedMechanisms = [mechanism] }?.code == .authenticationFailed)
                #expect(
                    server.login("carl:wrong@") { $0.allowedMechanisms = [mechanism] }?.code == .authenticationFailed)
            }
        }
    }
}
