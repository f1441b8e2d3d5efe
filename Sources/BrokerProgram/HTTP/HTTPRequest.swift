// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What has come of a request: nothing but its method and its path matters here.
enum HTTPRequest: Equatable {
    /// More bytes have to come.
    case incomplete
    case whole(method: String, path: String)
    /// It is none that can be answered otherwise than by this status.
    case malformed(HTTPStatus)

    /// The most bytes of a request line with its header fields.
    static let maxHead = 8_192

    /// Reads a request's head, RFC 9112 section 3; a body is not looked at.
    /// - Parameter bytes: all that has come.
    init(_ bytes: [UInt8]) {
        guard let head = HTTPRequest.head(of: bytes) else {
            self = bytes.count < HTTPRequest.maxHead ? .incomplete : .malformed(.headTooLarge)
            return
        }
        self = HTTPRequest.read(head)
    }

    /// What is in front of the first empty line; nil where none has come.
    private static func head(of bytes: [UInt8]) -> ArraySlice<UInt8>? {
        let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
        var lineStart = 0
        for (index, byte) in bytes.prefix(maxHead).enumerated() where byte == lf {
            let line = bytes[lineStart..<index]
            if line.isEmpty || line.elementsEqual([cr]) { return bytes[..<lineStart] }
            lineStart = index + 1
        }
        return nil
    }

    private static func read(_ head: ArraySlice<UInt8>) -> HTTPRequest {
        let line = head.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard parts.count == 3, !parts[0].isEmpty, parts[0].utf8.allSatisfy({ (0x41...0x5a).contains($0) }),
            parts[2].hasPrefix("HTTP/")
        else { return .malformed(.badRequest) }
        guard parts[2].hasPrefix("HTTP/1.") else { return .malformed(.versionNotSupported) }
        guard parts[1].hasPrefix("/") else { return .malformed(.badRequest) }
        return .whole(method: parts[0], path: String(parts[1].prefix { $0 != "?" }))
    }
}
