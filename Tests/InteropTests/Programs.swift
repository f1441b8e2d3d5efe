// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPrograms

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
    static func start(_ command: [String]) throws -> TestProgram {
        try TestProgram(command, errors: .output, limit: 20)
    }

    /// Waits for a program's end.
    /// - Returns: all it has written.
    /// - Throws: `Lacking` with that where it failed.
    @discardableResult
    static func end(_ program: TestProgram) throws -> String {
        let output = program.readToEnd()
        let ending = program.waitForEnd()
        try require(ending == .exited(0), "has \(ending): \(output.suffix(300))")
        return output
    }

    /// Runs a program.
    /// - Returns: all it has written.
    @discardableResult
    static func run(_ command: [String]) throws -> String { try end(start(command)) }

    /// Runs an example client against an example server, which goes on until it is ended.
    static func serve(_ server: [String], _ client: [String]) throws {
        let server = try start(server)
        defer { server.end() }
        let lines = try run(client).split(separator: "\n")
        try require(lines.count == 4 && lines.allSatisfy { $0.contains("=>") }, "the client writes \(lines)")
    }
}
