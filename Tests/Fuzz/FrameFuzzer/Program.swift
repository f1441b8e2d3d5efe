// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// A program that is fuzzed: one of this package's, from the directory that this one is in.
final class Program {
    /// How a program has ended.
    enum Ending {
        case exited(Int32)
        case killed(by: Int32)
    }

    private let process = Process()

    /// Starts it; what it writes goes to a file, whose end `lastLines` tells.
    init(_ name: String, _ arguments: [String]) throws {
        let directory = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        process.executableURL = directory.appendingPathComponent(name)
        process.arguments = arguments
        log = FileManager.default.temporaryDirectory.appendingPathComponent("\(name)-\(getpid()).log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let handle = try FileHandle(forWritingTo: log)
        process.standardOutput = handle
        process.standardError = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    private let log: URL

    /// What the program has written.
    var output: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// How the program has ended; nil while it runs.
    var ending: Ending? {
        guard !process.isRunning else { return nil }
        return process.terminationReason == .exit
            ? .exited(process.terminationStatus) : .killed(by: process.terminationStatus)
    }

    /// The memory that the program has in use, in bytes.
    var memory: Int {
        let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)
        let pages = text?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(getpagesize())
    }

    /// Ends the program, and waits for that.
    func end() {
        guard process.isRunning else { return }
        process.terminate()
        process.waitUntilExit()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: log)
    }
}

/// Something that must not be: the round's seed is told by `main`.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
