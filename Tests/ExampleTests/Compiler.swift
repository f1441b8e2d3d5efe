// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The folder of the package.
let packageFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// The text of a file, by its path in the package.
func packageText(_ path: String) throws -> String {
    try String(contentsOf: packageFolder.appendingPathComponent(path), encoding: .utf8)
}

/// The program of a folder of Examples, which has one file, as a reader copies it: without the lines about the licence.
func exampleProgram(_ name: String) throws -> String {
    let files = try FileManager.default.contentsOfDirectory(
        atPath: packageFolder.appendingPathComponent("Examples/\(name)").path)
    guard files.count == 1 else {
        throw ChildProcess.Failure(description: "Examples/\(name) has \(files.count) files, not one.")
    }
    let text = try packageText("Examples/\(name)/\(files[0])")
    return text.replacing(#/^// Copyright .*\n// SPDX-License-Identifier: .*\n\n/#, with: "", maxReplacements: 1)
}

/// Runs a body with a folder of its own, and deletes that afterwards.
func withFolder<Result>(_ body: (URL) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try await body(folder)
}

/// Compiles a program with the modules that the tests were built with, as far as the compiler has errors to find.
func compile(_ program: String, _ options: String...) async throws -> ChildProcess.Record {
    try await withFolder { folder in
        let file = folder.appendingPathComponent("Program.swift")
        try program.write(to: file, atomically: true, encoding: .utf8)
        let build = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let includes = [
            build.appendingPathComponent("Modules"), packageFolder.appendingPathComponent("Sources/CProton"),
            packageFolder.appendingPathComponent("Sources/COpenSSL"),
        ]
        let compiler = try ChildProcess(
            "/usr/bin/env",
            ["swiftc", "-swift-version", "6", "-parse-as-library", "-emit-sil", "-o", "/dev/null"]
                + includes.flatMap { ["-I", $0.path] } + options + [file.path])
        return try await compiler.waitForEnd()
    }
}
