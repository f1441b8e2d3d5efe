// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// What a program is written in: the examples are there twice, by the same names.
enum Language: String, Sendable, CaseIterable {
    case swift
    case python
}

/// Starts programs for a test and ends all of them with it, also where it fails.
func withPrograms(_ body: (Programs) async throws -> Void) async throws {
    let programs = Programs()
    do {
        try await body(programs)
    } catch {
        await programs.end()
        throw error
    }
    await programs.end()
}

/// The programs of a test.
final class Programs: Sendable {
    private let children = Mutex<[ChildProcess]>([])

    /// Starts an example program.
    func start(_ language: Language, _ name: String, _ arguments: String...) throws -> ChildProcess {
        try start(language, name, arguments)
    }

    /// Starts an example program.
    func start(_ language: Language, _ name: String, _ arguments: [String]) throws -> ChildProcess {
        switch language {
        case .swift: try start(swiftProgram(name), arguments)
        case .python: try startPython(pythonProgram(name), arguments)
        }
    }

    /// Starts an example program of ours that writes each line at once, to be waited for while it runs.
    func startUnbuffered(_ name: String, _ arguments: String...) throws -> ChildProcess {
        try start("/usr/bin/stdbuf", ["-oL", swiftProgram(name)] + arguments)
    }

    /// The same, with a file for its standard input.
    func startUnbuffered(_ name: String, input: String, _ arguments: String...) throws -> ChildProcess {
        try start(
            "/bin/sh", ["-c", "exec stdbuf -oL \"$@\" < \"$0\"", input, swiftProgram(name)] + arguments)
    }

    /// Starts an example program of ours, with a file for its standard input.
    func start(_ name: String, _ arguments: [String], input: String) throws -> ChildProcess {
        try start("/bin/sh", ["-c", "exec \"$@\" < \"$0\"", input, swiftProgram(name)] + arguments)
    }

    /// Starts an example program of ours with a variable of its environment, as in `NAME=value`.
    func start(_ name: String, environment: String, _ arguments: [String]) throws -> ChildProcess {
        try start("/usr/bin/env", [environment, swiftProgram(name)] + arguments)
    }

    /// Starts an example program of ours that may open this many files only.
    func start(_ name: String, openFiles: Int, _ arguments: String...) throws -> ChildProcess {
        // What other tests have open at this moment would count among them.
        let script = """
            for file in /proc/$$/fd/*; do ((${file##*/} > 2)) && eval "exec ${file##*/}>&-"; done
            ulimit -n \(openFiles); exec "$0" "$@"
            """
        return try start("/bin/bash", ["-c", script, swiftProgram(name)] + arguments)
    }

    /// Starts Python's Hello World with another broker than the one that is written in it.
    func startPythonHelloWorld(_ server: String) throws -> ChildProcess {
        try startPython("helloworld", replacing: "localhost:5672", with: server)
    }

    /// Starts a program of Python's with another address than the one that is written in it.
    func startPython(_ name: String, replacing address: String, with other: String) throws -> ChildProcess {
        let program = "import sys; exec(open(sys.argv[1]).read().replace(sys.argv[2], sys.argv[3]))"
        return try startPython("-c", [program, pythonProgram(name), address, other])
    }

    /// Starts an example program of ours that has dependencies of its own.
    func startIntegration(_ name: String, _ arguments: String...) throws -> ChildProcess {
        try startIntegration(name, arguments)
    }

    /// The same, with arguments in an array.
    func startIntegration(_ name: String, _ arguments: [String]) throws -> ChildProcess {
        try start("/usr/bin/stdbuf", ["-oL", integrationProgram(name)] + arguments)
    }

    /// Runs a few lines of Python, and returns what they print.
    func runPython(_ lines: String, _ arguments: String...) async throws -> String {
        try await runPython(lines, arguments)
    }

    /// The same, with arguments in an array.
    func runPython(_ lines: String, _ arguments: [String]) async throws -> String {
        try await startPython("-c", [lines] + arguments).waitForEnd().outputText
    }

    /// Starts a few lines of Python.
    func startPythonLines(_ lines: String) throws -> ChildProcess { try startPython("-c", [lines]) }

    /// Starts a program in a folder, with a text as its standard input.
    func start(
        _ language: Language, _ name: String, _ arguments: [String], in folder: String, input: String = ""
    ) throws -> ChildProcess {
        let program =
            switch language {
            case .swift: [try integrationProgram(name)]
            case .python: ["/usr/bin/python3", "-u", try pythonProgram(name)]
            }
        let script = "cd \"$0\" && text=$1 && shift && printf %s \"$text\" | \"$@\""
        return try start("/bin/sh", ["-c", script, folder, input] + program + arguments)
    }

    /// Starts a broker on a free port, and waits until it listens.
    /// - Returns: the broker, and its address.
    func startBroker(
        _ language: Language, on address: String? = nil
    ) async throws -> (ChildProcess, address: String) {
        switch language {
        case .swift:
            let broker = try start(.swift, "broker", address ?? "127.0.0.1:0")
            return (broker, try await self.address(of: broker))
        case .python:
            let address = try address ?? freeAddress()
            let broker = try start(.python, "broker", "-a", address)
            try await broker.waitUntilListening(on: address)
            return (broker, address)
        }
    }

    /// Starts our broker with options on a free port, and waits until it listens.
    /// - Returns: the broker, and its address.
    func startBroker(_ options: String...) async throws -> (ChildProcess, address: String) {
        try await startBroker(options)
    }

    /// The same, with options in an array.
    func startBroker(_ options: [String]) async throws -> (ChildProcess, address: String) {
        let broker = try start(.swift, "broker", ["127.0.0.1:0"] + options)
        return (broker, try await address(of: broker))
    }

    /// Starts our broker with a standard output that nobody reads.
    func startBrokerWithoutOutput(_ address: String) throws -> ChildProcess {
        try start("/bin/bash", ["-c", "exec \"$0\" \"$1\" > >(true)", swiftProgram("broker"), address])
    }

    /// Ends what still runs.
    func end() async {
        for child in children.withLock(\.self) {
            child.send(SIGKILL)
            _ = await child.wait(atMost: .seconds(10)) { _ in false }
        }
    }

    /// The address that a broker says it listens on, in its first line.
    func address(of broker: ChildProcess) async throws -> String {
        try await broker.waitForLines(1)
        let line = broker.record.outputText
        guard let address = line.split(whereSeparator: \.isWhitespace).last else {
            throw broker.failure("does not say where it listens", broker.record)
        }
        return String(address)
    }

    private func start(_ path: String, _ arguments: [String]) throws -> ChildProcess {
        let child = try ChildProcess(path, arguments)
        children.withLock { $0.append(child) }
        return child
    }

    /// Debian's Python, whatever comes first in PATH: the binding is a package of its own.
    private func startPython(_ program: String, _ arguments: [String]) throws -> ChildProcess {
        try start("/usr/bin/python3", ["-u", program] + arguments)
    }
}

// MARK: Where they are

/// The path of an example program of ours, which is built to where the tests are.
private func swiftProgram(_ name: String) throws -> String {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let path = tests.deletingLastPathComponent().appendingPathComponent(name).path
    guard FileManager.default.isExecutableFile(atPath: path) else {
        throw ChildProcess.Failure(description: "\(path) is not there: run `swift build` first.")
    }
    return path
}

/// The path of an example program of ours that is in the package Examples/Integrations.
private func integrationProgram(_ name: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    let path = root.appendingPathComponent("Examples/Integrations/.build/debug/\(name)").path
    guard FileManager.default.isExecutableFile(atPath: path) else {
        throw ChildProcess.Failure(
            description: "\(path) is not there: run `swift build --package-path Examples/Integrations` first.")
    }
    return path
}

/// The path of an example program of the Python binding, as Debian installs it.
private func pythonProgram(_ name: String) throws -> String {
    let path = "/usr/share/proton/examples/python/\(name).py"
    for needed in ["/usr/lib/python3/dist-packages/proton/__init__.py", path] {
        guard FileManager.default.isReadableFile(atPath: needed) else {
            throw ChildProcess.Failure(
                description: """
                    \(needed) is not there: run `scripts/setup.sh test`, which installs Debian's packages \
                    python3-qpid-proton and libqpid-proton11-dev-examples.
                    """)
        }
    }
    return path
}

// MARK: Where they listen

private let portCount = Atomic<Int>(Int.random(in: 0..<12_000))

/// An address of this machine with a port that is free, below those that the system gives to outgoing connections.
func freeAddress() throws -> String {
    for _ in 0..<1_000 {
        let port = 20_000 + portCount.wrappingAdd(1, ordering: .relaxed).oldValue % 12_000
        if isFree(UInt16(port)) { return "127.0.0.1:\(port)" }
    }
    throw ChildProcess.Failure(description: "no port from 20000 to 32000 is free.")
}

private func isFree(_ port: UInt16) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    return withUnsafeBytes(of: &address) { bytes in
        bind(descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(bytes.count)) == 0
    }
}

extension ChildProcess {
    /// Waits until the program, which does not say so, listens on an address; at most a minute.
    ///
    /// The system tells nobody when a port is listened on, so its list is looked through until the port is there. A
    /// connection made to try would be one that the program under test has to handle.
    func waitUntilListening(on address: String) async throws {
        let port = UInt16(address.split(separator: ":").last ?? "") ?? 0
        let deadline = ContinuousClock.now + .seconds(60)
        while try !isListened(port) {
            let record = await wait(atMost: .milliseconds(10)) { _ in false }
            guard record.ending == nil, ContinuousClock.now < deadline else {
                throw failure("does not listen on \(address)", record)
            }
        }
    }

    private func isListened(_ port: UInt16) throws -> Bool {
        // Columns: number, local address, remote address, state, …; state 0A is LISTEN.
        let suffix = String(format: ":%04X", Int(port))
        return try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8).split(separator: "\n").contains { line in
            let columns = line.split(separator: " ")
            return columns.count > 3 && columns[1].hasSuffix(suffix) && columns[3] == "0A"
        }
    }
}
