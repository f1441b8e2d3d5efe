import Foundation
import Glibc

/// Programs that are run from start to end, or for as long as another one needs them.
enum Program {
    /// An example of proton's in C or C++, which scripts/interop.sh builds.
    static func built(_ name: String) -> String {
        "\(ProcessInfo.processInfo.environment["INTEROP_PROGRAMS"] ?? "")/\(name)"
    }

    /// An example of ours, built to where the tests are.
    static func ours(_ name: String) -> String {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        return tests.deletingLastPathComponent().appendingPathComponent(name).path
    }

    /// The command of an example of Python's.
    static func python(_ name: String) -> [String] {
        ["/usr/bin/python3", "-u", "/usr/share/proton/examples/python/\(name).py"]
    }

    /// Python's Hello World, with another broker than the one that is written in it.
    static func pythonHelloWorld(_ server: String) -> [String] {
        let program = "import sys; exec(open(sys.argv[1]).read().replace('localhost:5672', sys.argv[2]))"
        return ["/usr/bin/python3", "-c", program, python("helloworld")[2], server]
    }

    /// Starts a program, which has twenty seconds.
    static func start(_ command: [String]) throws -> (process: Process, output: Pipe) {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments = ["-k", "5", "20"] + command
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        // Threads of tests block signals, and so would what they start: it could not be ended.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        try process.run()
        return (process, output)
    }

    /// Waits for a program's end.
    /// - Returns: all it has written.
    /// - Throws: `Lacking` with that where it failed.
    @discardableResult
    static func end(_ program: (process: Process, output: Pipe)) throws -> String {
        let output = String(decoding: program.output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        program.process.waitUntilExit()
        let code = program.process.terminationStatus
        try require(code == 0, "ends with \(code == 124 ? "the time" : "code \(code)"): \(output.suffix(300))")
        return output
    }

    /// Runs a program.
    /// - Returns: all it has written.
    @discardableResult
    static func run(_ command: [String]) throws -> String { try end(start(command)) }

    /// Runs an example client against an example server, which goes on until it is ended.
    static func serve(_ server: [String], _ client: [String]) throws {
        let server = try start(server)
        defer {
            server.process.terminate()
            server.process.waitUntilExit()
        }
        let lines = try run(client).split(separator: "\n")
        try require(lines.count == 4 && lines.allSatisfy { $0.contains("=>") }, "the client writes \(lines)")
    }
}
