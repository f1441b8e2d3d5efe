// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A command of the shell that a context names.
enum ShellCommand {
    /// What it prints: it has to end well. Its standard error is this program's.
    /// - Throws: `ToolError`.
    static func output(of command: String) throws -> [UInt8] {
        // A process that ends early is seen by its exit code, and what it asks for by its own means.
        guard let stream = popen(command, "re") else {
            throw ToolError(.failure, "\(command): cannot be started: \(String(cString: strerror(errno))).")
        }
        let output: [UInt8]?
        do { output = try Descriptor.readAll(fileno(stream), maxSize: 65_536) } catch { output = nil }
        guard pclose(stream) == 0, let output else {
            throw ToolError(.failure, "\(command): the command of the context's password has failed.")
        }
        return output
    }
}
