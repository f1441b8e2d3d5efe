// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials
import Glibc

/// Reads files of settings in JSON, with comments and trailing commas.
package enum JSONFile {
    /// The maximum size of a file, in bytes: 1 MiB.
    private static let maxSize = 1_024 * 1_024

    /// Reads a file.
    /// - Throws: `JSONFileError` that names the file.
    package static func read(_ path: String) throws(JSONFileError) -> JSONValue {
        try parse(try bytes(of: path), path: path)
    }

    /// Parses the contents of a file.
    package static func parse(_ data: Data, path: String) throws(JSONFileError) -> JSONValue {
        guard String(validating: data, as: UTF8.self) != nil else {
            throw JSONFileError("\(path): is not text in UTF-8, as JSON has to be: save it as UTF-8.")
        }
        do {
            return try JSONDecoder().decode(JSONValue.self, from: Data(JSONComments.removed(from: Array(data))))
        } catch {
            // Foundation does not report the position.
            throw JSONFileError(
                "\(path): is not valid JSON: `python3 -m json.tool` tells the line, of a file without comments.")
        }
    }

    /// Reads the contents of a file, which may be a file of settings in another format.
    /// - Throws: `JSONFileError` that names the file.
    package static func bytes(of path: String) throws(JSONFileError) -> Data {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unreadable(path, errno) }
        defer { close(descriptor) }
        var data = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while data.count <= maxSize {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno) }
            if count == 0 { return data }
            data += buffer[..<count]
        }
        throw JSONFileError(
            "\(path): is longer than 1 MiB, the most that a file of settings may have: is it another one?")
    }

    private static func unreadable(_ path: String, _ code: Int32) -> JSONFileError {
        JSONFileError(
            "\(path.isEmpty ? "''" : path): cannot be read: \(String(cString: strerror(code))).")
    }
}

/// The error for a file of settings.
package struct JSONFileError: Error, CustomStringConvertible {
    /// The file, and how to correct it.
    package let message: String
    /// The same as `message`.
    package var description: String { message }

    init(_ message: String) { self.message = message }
}
