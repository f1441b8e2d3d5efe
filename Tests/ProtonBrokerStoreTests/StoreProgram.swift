// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Glibc
import TestPrograms

private let unshare = "/usr/bin/unshare"

/// The program `store_writer` as a test runs it: its lines are read by the thread that waits for them.
final class StoreProgram {
    /// What it did not do.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let pid: pid_t
    private let output: Int32
    private var unread: [UInt8] = []
    private(set) var lines: [String] = []
    private var hasEnded = false

    /// Starts the program.
    convenience init(_ arguments: String...) throws { try self.init(arguments) }

    /// Starts the program.
    convenience init(_ arguments: [String]) throws { try self.init(running: [Self.path()] + arguments) }

    /// Starts the program with a disk in memory mounted on a folder, which nobody else sees, and which is gone with it.
    convenience init(onOwnDiskOf size: Int, _ folder: String, _ arguments: [String]) throws {
        let script = "mount -t tmpfs -o size=\(size) none \"$0\" && exec \"$@\""
        try self.init(running: [unshare, "--mount", "/bin/sh", "-c", script, folder, Self.path()] + arguments)
    }

    /// Whether a disk can be mounted: by root, where the system lets it.
    static let canMount: Bool = {
        let script = "mount -t tmpfs none /tmp && echo mounted"
        guard let program = try? StoreProgram(running: [unshare, "--mount", "/bin/sh", "-c", script]) else {
            return false
        }
        program.read(atMost: .seconds(10))
        return program.lines == ["mounted"]
    }()

    /// The path of the program, which is built to where the tests are.
    private static func path() throws -> String {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let path = tests.deletingLastPathComponent().appendingPathComponent("store_writer").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Failure(description: "\(path) is not there: run `swift build` first.")
        }
        return path
    }

    private init(running command: [String]) throws {
        let path = command[0]
        let (own, programs) = try ProgramStart.socketPair()
        defer { close(programs) }
        let (pid, code) = ProgramStart.spawn(command, descriptors: [(programs, STDOUT_FILENO)])
        guard code == 0 else {
            close(own)
            throw Failure(description: "cannot start \(path): \(String(cString: strerror(code)))")
        }
        (self.pid, output) = (pid, own)
    }

    deinit {
        kill()
        close(output)
    }

    /// Reads what it prints until it has printed so many lines, has closed its output, or the time is over.
    func read(lines count: Int = .max, atMost limit: Duration) {
        let end = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while lines.count < count {
            let rest = max(.zero, end - .now)
            let milliseconds = rest.components.seconds * 1_000 + rest.components.attoseconds / 1_000_000_000_000_000
            var descriptor = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let isReady = poll(&descriptor, 1, Int32(clamping: milliseconds))
            if isReady < 0, errno == EINTR { continue }
            guard isReady > 0 else { return }
            let length = Glibc.read(output, &buffer, buffer.count)
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { return }
            unread += buffer[..<length]
            let parts = unread.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            lines += parts.dropLast().map { String(decoding: $0, as: UTF8.self) }
            unread = parts.last.map(Array.init) ?? []
        }
    }

    /// Kills it where it runs, waits until it is gone, and reads what it has printed last.
    func kill() {
        guard !hasEnded else { return }
        hasEnded = true
        Glibc.kill(pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        read(atMost: .seconds(10))
    }
}

#endif
