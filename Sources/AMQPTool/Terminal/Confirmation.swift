// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ArgumentParser
import Glibc

/// Asks a person whether something that cannot be undone is meant.
enum Confirmation {
    /// - Parameters:
    ///   - question: without its question mark.
    ///   - isForced: whether the answer was given with the command.
    ///   - refusal: the error where the answer is no.
    /// - Throws: `ToolError` where the answer is no; `ValidationError` where nobody can be asked.
    static func require(_ question: String, isForced: Bool, refusal: String) throws {
        guard !isForced else { return }
        guard isatty(STDIN_FILENO) == 1, StandardError.isTerminal else {
            throw ValidationError("\(question)? Nobody can be asked here: --force does it without.")
        }
        StandardError.writeBare("\(question)? [y/N] ".escapedForTerminal())
        guard ["y", "yes"].contains((readLine() ?? "").lowercased()) else { throw ToolError(.failure, refusal) }
    }
}
