// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// What the program does with the file of users in place of serving.
enum UserCommand {
    case add(String)
    case remove(String)

    /// - Parameter path: the file; nil where the options name none.
    /// - Throws: `ProtonError.Code.invalidArgument` that says what is wrong.
    func run(_ path: String?) throws {
        guard let path else {
            throw ProtonError(.invalidArgument, "Which file of users? Add --users FILE.")
        }
        let users = try UserFile(path: path)
        switch self {
        case .add(let name):
            guard name != "anonymous" else {
                throw ProtonError(
                    .invalidArgument, "'anonymous' is what rules call peers that have not logged in: take another name."
                )
            }
            let isThere = users.users.contains(name)
            try users.set(name, password: try Password.read(for: name))
            print(
                isThere
                    ? "\(path): the user '\(name.escapedForTerminal())' has a new password"
                    : "\(path): added the user '\(name.escapedForTerminal())'")
        case .remove(let name):
            guard try users.remove(name) else {
                throw ProtonError(.invalidArgument, "\(path): there is no user '\(name.escapedForTerminal())'.")
            }
            print("\(path): removed the user '\(name.escapedForTerminal())'")
        }
    }
}

/// A new password: from the terminal, which does not show it, or a line of standard input where that is none.
///
/// It is never an argument: those can be read by all who are logged in on the machine.
enum Password {
    /// The most bytes of a line.
    private static let maxSize = 1_024

    static func read(for user: String) throws -> String {
        guard isatty(STDIN_FILENO) == 1 else { return try line() }
        let first = try ask("Password of '\(user.escapedForTerminal())': ")
        guard try ask("Once more: ") == first else {
            throw ProtonError(.invalidArgument, "The two passwords differ: nothing was changed.")
        }
        return first
    }

    private static func ask(_ prompt: String) throws -> String {
        prompt.write(to: STDERR_FILENO)
        var shown = termios()
        guard tcgetattr(STDIN_FILENO, &shown) == 0 else { return try line() }
        var hidden = shown
        // Without signals from the keyboard, since one would leave the terminal as it is here.
        hidden.c_lflag &= ~tcflag_t(ECHO | ISIG)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden)
        defer {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown)
            "\n".write(to: STDERR_FILENO)
        }
        let text = try line()
        guard !text.unicodeScalars.contains("\u{3}") else {
            throw ProtonError(.invalidArgument, "Interrupted: nothing was changed.")
        }
        return text
    }

    /// A line of standard input, without its end.
    private static func line() throws -> String {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        reading: while bytes.count <= maxSize {
            switch Glibc.read(STDIN_FILENO, &byte, 1) {
            case 1 where byte == UInt8(ascii: "\n"): break reading
            case 1: bytes.append(byte)
            case -1 where errno == EINTR: continue
            default: break reading
            }
        }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard bytes.count <= maxSize, let text = String(validating: bytes, as: UTF8.self) else {
            throw ProtonError(
                .invalidArgument, "A password has at most \(maxSize) bytes, in UTF-8: nothing was changed.")
        }
        guard !text.isEmpty else {
            throw ProtonError(
                .invalidArgument, "There was no password on standard input: nothing was changed.")
        }
        return text
    }
}
