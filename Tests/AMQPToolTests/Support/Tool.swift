// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPrograms

/// The program `amqp` as a test runs it: with an environment and a folder of its own.
final class Tool: Sendable {
    /// What a run has written, and how it has ended.
    struct Run {
        let output: String
        let errors: String
        let ending: TestProgram.Ending

        /// The lines of its output.
        var lines: [String] {
            output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        }
    }

    /// A run that has not ended.
    final class Started: Sendable {
        let program: TestProgram
        private let errorPath: String

        fileprivate init(_ program: TestProgram, errorPath: String) {
            (self.program, self.errorPath) = (program, errorPath)
        }

        func finish() -> Run {
            let output = program.readToEnd()
            let errors = (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? ""
            return Run(output: output, errors: errors, ending: program.waitForEnd())
        }

        /// What it has written to standard error up to now.
        var errors: String { (try? String(contentsOfFile: errorPath, encoding: .utf8)) ?? "" }
    }

    /// The folder that it runs in; it is its home as well.
    let folder: String
    private let environment: [String]

    /// - Parameters:
    ///   - url: the variable AMQP_URL; nil is none.
    ///   - environment: other variables, as in `NAME=value`.
    init(_ url: String? = nil, environment: [String] = []) throws {
        folder = try temporaryFolder()
        self.environment = (url.map { ["AMQP_URL=\($0)"] } ?? []) + environment
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The path of the program, which is built to where the tests are.
    static var path: String {
        get throws {
            let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            let path = tests.deletingLastPathComponent().appendingPathComponent("amqp").path
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw TestProgram.Failure("\(path) is not there: run `swift build` first.")
            }
            return path
        }
    }

    /// Starts it.
    /// - Parameter variables: more variables of its environment.
    func start(
        _ arguments: [String], input: TestProgram.Input = .nothing, variables: [String] = []
    ) throws -> Started {
        let errorPath = "\(folder)/errors-\(UUID().uuidString)"
        let command =
            ["/usr/bin/env", "-i", "-C", folder, "PATH=/usr/bin:/bin", "HOME=\(folder)"] + environment + variables
            + ["/bin/sh", "-c", "exec \"$@\" 2>\"$0\"", errorPath, try Tool.path] + arguments
        return Started(try TestProgram(command, input: input), errorPath: errorPath)
    }

    /// Runs it to its end.
    /// - Parameter input: its standard input; nil is `/dev/null`.
    func run(_ arguments: String..., input: String? = nil, variables: [String] = []) throws -> Run {
        try run(arguments, input: input, variables: variables)
    }

    /// The same, with its arguments in an array.
    func run(_ arguments: [String], input: String? = nil, variables: [String] = []) throws -> Run {
        let started = try start(arguments, input: input == nil ? .nothing : .open, variables: variables)
        if let input {
            started.program.write(input)
            started.program.closeInput()
        }
        return started.finish()
    }
}
