// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import ProtonUtilities

/// A program that is run for one message.
package struct ChildCommand: Sendable {
    /// The most that it may write: 256 MiB.
    private static let maxOutput = BodySource.maxSize

    private let arguments: [String]

    package init(_ arguments: [String]) { self.arguments = arguments }

    /// Runs the program with some bytes on its standard input; its standard error is this program's.
    ///
    /// It is in a process group of its own, so that Control-C lets what is in hand come to its end.
    /// - Returns: what it has written to standard output.
    /// - Throws: `ToolError` where it cannot be started, does not end with exit code 0, or not in time.
    package func run(input: [UInt8], timeout: Duration) async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            // It blocks, so it is on a thread of its own.
            let thread = Thread.start {
                continuation.resume(with: Result { try runBlocking(input, timeout) })
            }
            if let thread {
                thread.detach()
            } else {
                continuation.resume(throwing: ToolError(.failure, "the system has no thread left."))
            }
        }
    }

    private func runBlocking(_ input: [UInt8], _ timeout: Duration) throws -> [UInt8] {
        let (own, programs) = try ChildCommand.sockets()
        defer { close(own) }
        let (pid, code) = spawn(programs)
        close(programs)
        guard code == 0 else { throw ToolError(.failure, "cannot be started: \(String(cString: strerror(code))).") }
        let child = RunningChild(pid, socket: own)
        // Whatever it does, and whoever it leaves its output to: it is killed then, and all waits end.
        let (seconds, attoseconds) = timeout.components
        let time = DispatchTime.now() + .seconds(Int(seconds)) + .nanoseconds(Int(attoseconds / 1_000_000_000))
        DispatchQueue.global().asyncAfter(deadline: time) { child.kill() }
        let output = ChildCommand.exchange(own, input, maxOutput: ChildCommand.maxOutput)
        if output == nil { child.kill() }
        switch child.waitForEnd() {
        case .timedOut: throw ToolError(.timedOut, "did not end within \(timeout).")
        case .exited(0): break
        case .exited(let code): throw ToolError(.failure, "ended with exit code \(code).")
        case .killed(let signal): throw ToolError(.failure, "was ended by signal \(signal).")
        }
        guard let output else { throw ToolError(.failure, "wrote more than 256 MiB.") }
        return output
    }

    private static func sockets() throws -> (own: Int32, programs: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw ToolError(.failure, "cannot be started: \(String(cString: strerror(errno))).")
        }
        return (ends[0], ends[1])
    }

    /// - Returns: the process and 0, or an error of the system's.
    private func spawn(_ descriptor: Int32) -> (pid: pid_t, code: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for standard in [STDIN_FILENO, STDOUT_FILENO] {
            posix_spawn_file_actions_adddup2(&actions, descriptor, standard)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        // This program ignores SIGPIPE, which others do not expect.
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = -1
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, &words, environ)
        return (pid, code)
    }

    /// Writes the input and reads the output, each as the program takes and gives it.
    /// - Returns: nil where the output is too long.
    private static func exchange(_ socket: Int32, _ input: [UInt8], maxOutput: Int) -> [UInt8]? {
        var (rest, output) = (input[...], [UInt8]())
        var buffer = [UInt8](repeating: 0, count: 65_536)
        if rest.isEmpty { shutdown(socket, Int32(SHUT_WR)) }
        while output.count <= maxOutput {
            var poll = pollfd(fd: socket, events: Int16(POLLIN | (rest.isEmpty ? 0 : POLLOUT)), revents: 0)
            // It ends with the program, which the timer ends.
            guard Glibc.poll(&poll, 1, -1) > 0 else { continue }
            if !rest.isEmpty, poll.revents & Int16(POLLOUT | POLLHUP | POLLERR) != 0 {
                let count = rest.withUnsafeBytes {
                    send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
                }
                if count > 0 { rest = rest.dropFirst(count) }
                // A program need not read all of its input.
                if count < 0, errno != EINTR, errno != EAGAIN { rest = [] }
                if rest.isEmpty { shutdown(socket, Int32(SHUT_WR)) }
            }
            guard poll.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { continue }
            let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count > 0 { output += buffer[..<count] }
            if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { return output }
        }
        return nil
    }
}
