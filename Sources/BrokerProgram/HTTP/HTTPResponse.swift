// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The status codes that are used here, RFC 9110 section 15.
enum HTTPStatus: Int {
    case ok = 200
    case badRequest = 400
    case notFound = 404
    case methodNotAllowed = 405
    case headTooLarge = 431
    case unavailable = 503
    case versionNotSupported = 505

    var reason: String {
        switch self {
        case .ok: "OK"
        case .badRequest: "Bad Request"
        case .notFound: "Not Found"
        case .methodNotAllowed: "Method Not Allowed"
        case .headTooLarge: "Request Header Fields Too Large"
        case .unavailable: "Service Unavailable"
        case .versionNotSupported: "HTTP Version Not Supported"
        }
    }
}

/// A response with a text.
struct HTTPResponse: Equatable {
    var status: HTTPStatus
    var contentType: String
    var text: String
    /// Whether the text is left out, as in the response to HEAD; its length is told all the same.
    var isHeadOnly = false

    /// - Parameter text: a line, to which its end is added.
    init(_ status: HTTPStatus, line text: String) {
        self.init(status, contentType: "text/plain; charset=utf-8", text: text + "\n")
    }

    init(_ status: HTTPStatus, contentType: String, text: String) {
        (self.status, self.contentType, self.text) = (status, contentType, text)
    }

    /// The response as it is sent; it is the last one of its connection.
    var bytes: [UInt8] {
        var fields = [
            "HTTP/1.1 \(status.rawValue) \(status.reason)", "Content-Type: \(contentType)",
            "Content-Length: \(text.utf8.count)", "Cache-Control: no-store", "Connection: close",
        ]
        if status == .methodNotAllowed { fields.append("Allow: GET, HEAD") }
        let head = fields.joined(separator: "\r\n") + "\r\n\r\n"
        return Array((isHeadOnly ? head : head + text).utf8)
    }
}
