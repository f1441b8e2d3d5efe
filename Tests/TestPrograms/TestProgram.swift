// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
package import Glibc
import Synchronization

/// A program that a test has started, and that is gone when the test is done with it or its time is over.
///
/// Not Foundation's `Process` and `FileHandle`: the one's `run` has read beyond its memory where many threads call it at once,
/// the other ends the process where a signal of another test's interrupts it.
package final class TestProgram: Sendable {
    /// How a program has ended.
    package enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(by: Int32)
    }

    /// What a program reads.
    package enum Input: Sendable {
        case nothing
        /// What the test writes.
        case open
    }

    /// Where what a program writes to standard error goes.
    package enum Errors: Sendable {
        /// To the test's own.
        case inherited
        /// To where its output goes.
        case output
    }

    /// What a program did not do.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    private struct Reading {
        /// All that has been read, and how much of that has been taken.
        var bytes: [UInt8] = []
        var taken = 0

        var rest: ArraySlice<UInt8> { bytes[taken...] }
    }

    private let command: String
    package let pid: pid_t
    /// This side of what is the program's input and output.
    private let socket: Int32
    private let reading = Mutex(Reading())
    /// How it has ended; nil while nobody has waited for that.
    private let ending = Mutex<Ending?>(nil)

    /// Starts a program.
    /// - Parameters:
    ///   - command: its path and its arguments.
    ///   - limit: how many seconds it may take; it is killed then.
    package init(
        _ command: [String], input: Input = .nothing, errors: Errors = .inherited, limit: Int = 120
    ) throws {
        self.command = command.joined(separator: " ")
        let (socket, other) = try ProgramStart.socketPair()
        defer { close(other) }
        let code: Int32
        (pid, code) = ProgramStart.spawn(
            command,
            descriptors: [
                (input == .open ? other : nil, STDIN_FILENO), (other, STDOUT_FILENO),
                (errors == .output ? other : STDERR_FILENO, STDERR_FILENO),
            ])
        guard code == 0 else {
            close(socket)
            throw Failure("\(command[0]) cannot be started: \(String(cString: strerror(code)))")
        }
        self.socket = socket
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(limit)) { [weak self] in self?.kill() }
    }

    deinit {
        end()
        close(socket)
    }

    /// Runs a program to its end, which has to be a good one.
    /// - Returns: what it has written, its errors included.
    @discardableResult
    package static func run(_ command: [String]) throws -> String {
        try TestProgram(command, errors: .output).readToGoodEnd()
    }

    // MARK: What it reads and writes

    /// Writes to the program's input.
    package func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return }
        }
    }

    /// Ends the program's input.
    package func closeInput() { shutdown(socket, Int32(SHUT_WR)) }

    /// All that has been read of what it has written.
    package var text: String { reading.withLock { String(decoding: $0.bytes, as: UTF8.self) } }

    /// Reads on until it has written something.
    /// - Returns: what came before it.
    /// - Throws: `Failure` with all it has written, where it has not before its end.
    @discardableResult
    package func read(until wanted: String) throws -> String {
        let wanted = Array(wanted.utf8)
        while true {
            let found = reading.withLock { reading -> String? in
                guard let range = reading.rest.firstRange(of: wanted) else { return nil }
                defer { reading.taken = range.upperBound }
                return String(decoding: reading.rest[..<range.lowerBound], as: UTF8.self)
            }
            if let found { return found }
            guard readMore() else {
                throw Failure("\(command) has not written \(String(decoding: wanted, as: UTF8.self)): \(text)")
            }
        }
    }

    /// Reads the next line; nil where there is none.
    package func readLine() -> String? { try? read(until: "\n") }

    /// Reads to its end, and waits for that.
    /// - Returns: all that it has written.
    @discardableResult
    package func readToEnd() -> String {
        while readMore() {}
        waitForEnd()
        return text
    }

    /// The same, where the end has to be a good one.
    package func readToGoodEnd() throws -> String {
        let text = readToEnd()
        let ending = waitForEnd()
        guard ending == .exited(0) else { throw Failure("\(command) has \(ending): \(text)") }
        return text
    }

    /// - Returns: whether it has written more.
    private func readMore() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Glibc.read(socket, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            reading.withLock { $0.bytes += buffer[..<count] }
            return true
        }
    }

    // MARK: Its end

    /// Waits for its end.
    @discardableResult
    package func waitForEnd() -> Ending {
        var information = siginfo_t()
        // Not with the lock, which `kill` takes.
        if ending.withLock({ $0 }) == nil {
            while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        }
        return ending.withLock { ending in
            if let ending { return ending }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let ended: Ending =
                status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(by: status & 0x7f)
            ending = ended
            return ended
        }
    }

    /// Kills it by the signal that no program keeps from itself, where it runs.
    package func kill() {
        // The pid is given to nobody else before its end has been waited for.
        ending.withLock { if $0 == nil { _ = Glibc.kill(pid, SIGKILL) } }
    }

    /// Kills it, and waits until it is gone.
    @discardableResult
    package func end() -> Ending {
        kill()
        return waitForEnd()
    }
}
