// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
package import ArgumentParser
import Glibc

/// The arguments that are the body of one message.
package struct BodyArguments: ParsableArguments, Sendable {
    @Argument(help: "The body; without it, standard input where that is no terminal.")
    package var text: String?

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A file that is the body; - is standard input.", valueName: "file"),
        completion: .file())
    package var file: String?

    @Flag(exclusivity: .exclusive)
    package var form: BodyForm?

    package init() {}

    package func validate() throws {
        _ = try BodySource.choose(text: text, file: file, isInputATerminal: true)
    }

    /// The bytes of the body, and how they are sent.
    /// - Throws: `ToolError` where they cannot be read, or are not what they are to be.
    package func bytes() throws -> (bytes: [UInt8], form: BodyForm) {
        let source = try BodySource.choose(text: text, file: file, isInputATerminal: isatty(STDIN_FILENO) == 1)
        let (bytes, usual) = try source.read()
        return (bytes, form ?? usual)
    }

    /// The body.
    /// - Throws: as `bytes`.
    package func read() throws -> Message.Body {
        let (bytes, form) = try bytes()
        return try form.body(bytes)
    }
}
