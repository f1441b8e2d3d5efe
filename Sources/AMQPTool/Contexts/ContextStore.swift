// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Proton
import ProtonUtilities

/// The file of contexts, which only its owner can read.
package struct ContextStore: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Reads the file; one that is not there has no contexts.
    /// - Throws: `ToolError` that names the file.
    package func read() throws -> Contexts {
        do {
            guard let bytes = try FileReplacement.read(path, maxSize: 1_048_576) else { return Contexts() }
            return try JSONDecoder().decode(Contexts.self, from: Data(bytes))
        } catch let error as ProtonError {
            throw ToolError(.failure, error.message)
        } catch {
            throw ToolError(.failure, "\(path): is no file of contexts: correct it, or move it away.")
        }
    }

    /// Changes the contexts while no other process does.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws, and nothing is changed then; `ToolError` that names the file.
    package func change<Result>(_ body: (inout Contexts) throws -> Result) throws -> Result {
        do {
            try makeFolder()
            return try FileReplacement.withLock(on: path) {
                var contexts = try read()
                let result = try body(&contexts)
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
                try FileReplacement.write(Array(try encoder.encode(contexts)) + [UInt8(ascii: "\n")], to: path)
                return result
            }
        } catch let error as ProtonError {
            throw ToolError(.failure, error.message)
        }
    }

    /// Makes the folder of the file, for its owner only, and those above it.
    private func makeFolder() throws {
        var folders = path.split(separator: "/").dropLast().map(String.init)
        var made = ""
        while !folders.isEmpty {
            made += "/\(folders.removeFirst())"
            guard mkdir(made, 0o700) == 0 || errno == EEXIST || errno == EROFS || errno == EACCES else {
                throw ToolError(.failure, "\(made): cannot be made: \(String(cString: strerror(errno))).")
            }
        }
    }

    /// The names of the contexts, for a shell that completes one: none where their file cannot be read.
    static func namesForCompletion() -> [String] {
        (try? ToolEnvironment.current.contexts().contexts.keys.sorted()) ?? []
    }
}
