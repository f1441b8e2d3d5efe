// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ArgumentParser
import Glibc
import Proton

/// A password: from where the settings say, or from the terminal, which does not show it.
package enum Password {
    /// The most bytes of a password.
    static let maxSize = 1_024

    /// - Parameter isNeeded: whether there is nothing else to log in with.
    /// - Returns: nil where there is none and none is needed.
    /// - Throws: `ToolError`, `ValidationError`.
    static func find(
        _ source: BrokerSettings.PasswordSource, user: String, _ broker: String, isNeeded: Bool
    ) throws -> String? {
        switch source {
        case .value(let password): return password
        case .file("-"): return try firstLine(try readLine(STDIN_FILENO), of: "standard input")
        case .file(let path):
            do {
                return try firstLine(try FileReplacement.read(path, maxSize: 65_536), of: path)
            } catch let error as ProtonError {
                throw ToolError(.failure, error.message)
            }
        case .command(let command): return try firstLine(try ShellCommand.output(of: command), of: command)
        case .none:
            guard isNeeded else { return nil }
            return try ask("Password of \(user.escapedForTerminal()) at \(broker): ", user: user)
        }
    }

    /// The first line of some bytes.
    static func firstLine(_ bytes: [UInt8]?, of source: String) throws -> String {
        guard let bytes else { throw ToolError(.failure, "\(source): there is no such file.") }
        var line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        guard !line.isEmpty, line.count <= maxSize, let text = String(validating: line, as: UTF8.self) else {
            throw ToolError(
                .failure, "\(source): its first line has to be the password, of 1 to \(maxSize) bytes in UTF-8.")
        }
        return text
    }

    /// Asks at the terminal, also where standard input is a file.
    private static func ask(_ prompt: String, user: String) throws -> String {
        let terminal = StandardError.isTerminal ? open("/dev/tty", O_RDWR | O_CLOEXEC) : -1
        guard terminal >= 0 else {
            throw ValidationError(
                "The password of \(user.escapedForTerminal()) is needed: set AMQP_PASSWORD, or use --password-file.")
        }
        defer { close(terminal) }
        let line = try withoutEcho(terminal) {
            // Whoever sees this may type at once.
            _ = Descriptor.write(Array(prompt.utf8), to: terminal)
            return try readLine(terminal)
        }
        return try firstLine(line, of: "the terminal")
    }

    private static func withoutEcho<Result>(_ terminal: Int32, _ body: () throws -> Result) throws -> Result {
        var shown = termios()
        guard tcgetattr(terminal, &shown) == 0 else { return try body() }
        var hidden = shown
        // Without signals from the keyboard, since one would leave the terminal as it is here.
        hidden.c_lflag &= ~tcflag_t(ECHO | ISIG)
        tcsetattr(terminal, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(terminal, TCSAFLUSH, &shown)
            _ = Descriptor.write([UInt8(ascii: "\n")], to: terminal)
        }
        return try body()
    }

    /// Reads a line and nothing behind it.
    private static func readLine(_ descriptor: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while bytes.count <= maxSize {
            let count = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            // Control-C, which is no signal here.
            if byte == 3 { throw ToolError(.interrupted, "Stopped.") }
            bytes.append(byte)
        }
        return bytes
    }
}
