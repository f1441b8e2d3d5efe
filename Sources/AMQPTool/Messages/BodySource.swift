// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import AMQP
package import ArgumentParser
import FoundationEssentials
import Glibc
import Proton

/// How a body is sent.
package enum BodyForm: String, EnumerableFlag, Sendable {
    case text
    case bytes
    case json

    package static func help(for value: BodyForm) -> ArgumentHelp? {
        switch value {
        case .text: "Send the body as a string (amqp-value); the default for TEXT and for --lines."
        case .bytes: "Send the body as bytes (data); the default for files and for standard input."
        case .json:
            """
            The body is JSON: send the AMQP value that it says, such as a map. Types that JSON has not are written as by \
            'amqp receive -o json'.
            """
        }
    }
}

/// Where a body comes from, once it is decided.
package enum BodySource: Sendable, Hashable {
    case text(String)
    case file(String)
    case standardInput
    case none

    /// The most bytes of a body.
    package static let maxSize = 256 * 1_048_576

    /// Chooses: the argument, the file, or standard input where that is no terminal.
    /// - Throws: `ValidationError` where there are two of them.
    package static func choose(text: String?, file: String?, isInputATerminal: Bool) throws -> BodySource {
        switch (text, file) {
        case (_?, _?): throw ValidationError("TEXT or --file: a message has one body.")
        case (let text?, nil): .text(text)
        case (nil, "-"?): .standardInput
        case (nil, let file?): .file(file)
        case (nil, nil): isInputATerminal ? .none : .standardInput
        }
    }

    /// The bytes, and whether they are a text where nobody says.
    /// - Throws: `ToolError` where they cannot be read.
    package func read() throws -> (bytes: [UInt8], form: BodyForm) {
        switch self {
        case .none: ([], .text)
        case .text(let text): (Array(text.utf8), .text)
        case .file(let path): (try BodySource.read(path), .bytes)
        case .standardInput: (try BodySource.read(STDIN_FILENO, "standard input"), .bytes)
        }
    }

    private static func read(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ToolError(.failure, "\(path): cannot be read: \(String(cString: strerror(errno))).")
        }
        defer { close(descriptor) }
        return try read(descriptor, path)
    }

    private static func read(_ descriptor: Int32, _ name: String) throws -> [UInt8] {
        do {
            return try Descriptor.readAll(descriptor, maxSize: maxSize)
        } catch .tooLong {
            throw ToolError(.failure, "\(name): is longer than 256 MiB, the most that is sent as one message.")
        } catch .failed(let code) {
            throw ToolError(.failure, "\(name): cannot be read: \(String(cString: strerror(code))).")
        }
    }
}

extension BodyForm {
    /// The body that some bytes are.
    /// - Throws: `ToolError` where they are no text, or no JSON.
    package func body(_ bytes: [UInt8]) throws -> Message.Body {
        switch self {
        case .bytes: return .data(bytes)
        case .text:
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw ToolError(.failure, "The body is no text in UTF-8: send it with --bytes.")
            }
            return .value(.string(text))
        case .json: return .value(try JSONInput.value(bytes))
        }
    }
}
