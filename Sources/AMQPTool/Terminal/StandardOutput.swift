// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Standard output: data, and nothing else.
package enum StandardOutput {
    /// Writes bytes at once: nothing is kept in a buffer.
    /// - Throws: `ToolError` where nobody reads any more, or the disk is full.
    package static func write(_ bytes: some Sequence<UInt8>) throws {
        let code = Descriptor.write(Array(bytes), to: STDOUT_FILENO)
        switch code {
        case 0: return
        case EPIPE: throw ToolError(.outputClosed, "")
        default:
            throw ToolError(.failure, "Standard output cannot be written: \(String(cString: strerror(code))).")
        }
    }

    /// Writes a line.
    /// - Throws: as `write`.
    package static func writeLine(_ text: String) throws {
        try write("\(text)\n".utf8)
    }
}

/// Standard error: what a person is told.
package enum StandardError {
    /// Whether a person sees it as it comes.
    package static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Writes a line; where nobody reads, it is lost.
    package static func write(_ line: String) {
        _ = Descriptor.write(Array("\(line)\n".utf8), to: STDERR_FILENO)
    }

    /// Writes the text as it is.
    static func writeBare(_ text: String) {
        _ = Descriptor.write(Array(text.utf8), to: STDERR_FILENO)
    }
}

enum Descriptor {
    /// Writes all bytes.
    /// - Returns: 0, or the error's number.
    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count == 0 || errno != EINTR {
                return count == 0 ? EIO : errno
            }
        }
        return 0
    }

    /// Reads what there is, up to a limit.
    /// - Returns: the bytes; an error's number.
    static func readAll(_ descriptor: Int32, maxSize: Int) throws(ReadFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= maxSize {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .failed(errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw .tooLong
    }

    enum ReadFailure: Error {
        case failed(Int32)
        case tooLong
    }
}
