// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization
import TestPrograms

/// A program that a test has started: what it writes is kept, and its lines and its end can be waited for.
final class ChildProcess: Sendable {
    /// How a program has ended.
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(by: Int32)
    }

    /// What a program has written so far, and how it has ended where it has.
    struct Record: Sendable {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var ending: Ending?

        /// What was written to standard output.
        var outputText: String { String(decoding: output, as: UTF8.self) }
        /// What was written to standard error.
        var errorText: String { String(decoding: errors, as: UTF8.self) }
        /// How many whole lines were written to standard output.
        var lineCount: Int { output.count { $0 == UInt8(ascii: "\n") } }
    }

    /// What a program was waited for and did not do.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private struct Waiter {
        let id: UInt64
        let condition: @Sendable (Record) -> Bool
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var record = Record()
        var waiters: [Waiter] = []
        var waiterCount: UInt64 = 0
    }

    private let state = Mutex(State())
    let pid: pid_t
    private let command: String

    /// Starts a program, with nothing to read on its standard input and no signal ignored.
    init(_ path: String, _ arguments: [String]) throws {
        command = ([path] + arguments).joined(separator: " ")
        let output = try ProgramStart.socketPair()
        defer { close(output.programs) }
        let errors = try ProgramStart.socketPair()
        defer { close(errors.programs) }
        let (pid, code) = ProgramStart.spawn(
            [path] + arguments,
            descriptors: [
                (nil, STDIN_FILENO), (output.programs, STDOUT_FILENO), (errors.programs, STDERR_FILENO),
            ])
        self.pid = pid
        guard code == 0 else {
            close(output.own)
            close(errors.own)
            throw Failure(description: "cannot start \(command): \(String(cString: strerror(code)))")
        }
        Foundation.Thread.detachNewThread { [self, descriptors = (output.own, errors.own)] in
            read(output: descriptors.0, errors: descriptors.1)
            reap()
        }
    }

    // MARK: What it does

    /// Reads what the program writes, until it has closed both ends.
    private func read(output: Int32, errors: Int32) {
        var open = [output, errors].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !open.isEmpty {
            guard poll(&open, nfds_t(open.count), -1) > 0 else { continue }
            for index in open.indices.reversed() where open[index].revents != 0 {
                let descriptor = open[index].fd
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count > 0 {
                    update { record in
                        if descriptor == output {
                            record.output += buffer[..<count]
                        } else {
                            record.errors += buffer[..<count]
                        }
                    }
                } else if count == 0 || errno != EINTR {
                    close(descriptor)
                    open.remove(at: index)
                }
            }
        }
    }

    /// Waits for the program's end, which its closed outputs announce.
    private func reap() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        update { record in
            // The pid is given to nobody else before this, and `send` looks at `ending` first.
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            record.ending = status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(by: status & 0x7f)
        }
    }

    private func update(_ change: (inout Record) -> Void) {
        let due = state.withLock { state in
            change(&state.record)
            let record = state.record
            let due = state.waiters.filter { record.ending != nil || $0.condition(record) }
            state.waiters.removeAll { waiter in due.contains { $0.id == waiter.id } }
            return due
        }
        for waiter in due { waiter.continuation.resume() }
    }

    // MARK: What a test does with it

    /// What the program has written so far.
    var record: Record { state.withLock(\.record) }

    /// Sends a signal, where the program has not ended.
    func send(_ signal: Int32) {
        state.withLock { state in
            if state.record.ending == nil { kill(pid, signal) }
        }
    }

    /// Waits until a condition holds, the program ends, or the time is over.
    /// - Returns: what the program has written then.
    func wait(
        atMost limit: DispatchTimeInterval, until condition: @escaping @Sendable (Record) -> Bool
    ) async -> Record {
        await withCheckedContinuation { continuation in
            let id: UInt64? = state.withLock { state in
                guard state.record.ending == nil, !condition(state.record) else { return nil }
                state.waiterCount += 1
                state.waiters.append(Waiter(id: state.waiterCount, condition: condition, continuation: continuation))
                return state.waiterCount
            }
            guard let id else { return continuation.resume() }
            DispatchQueue.global().asyncAfter(deadline: .now() + limit) { [weak self] in self?.expire(id) }
        }
        return record
    }

    private func expire(_ id: UInt64) {
        let waiter = state.withLock { state in
            state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
        }
        waiter?.continuation.resume()
    }

    /// Waits until the program has written this many lines to its standard output, at most a minute.
    func waitForLines(_ count: Int) async throws {
        let record = await wait(atMost: .seconds(60)) { $0.lineCount >= count }
        guard record.lineCount >= count else { throw failure("has not written \(count) lines", record) }
    }

    /// Waits until the program has ended, at most a minute.
    func waitForEnd() async throws -> Record {
        let record = await wait(atMost: .seconds(60)) { _ in false }
        guard record.ending != nil else { throw failure("has not ended", record) }
        return record
    }

    func failure(_ what: String, _ record: Record) -> Failure {
        let state = record.ending.map { "\($0)" } ?? "running"
        return Failure(
            description: """
                \(command) \(what) (\(state)).
                Standard output: \(record.outputText.suffix(1_000))
                Standard error: \(record.errorText.suffix(4_000))
                """)
    }
}
