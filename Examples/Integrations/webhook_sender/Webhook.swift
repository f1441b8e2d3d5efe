// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import FoundationNetworking
import Proton

/// Posts messages to a URL.
struct Webhook: Sendable {
    /// What becomes of a message.
    enum Result: Equatable {
        case taken
        /// Another try may do better.
        case failed(String)
        /// No other try will do better.
        case refused(String)

        /// By the status of the response.
        init(status: Int) {
            switch status {
            case 200..<300: self = .taken
            // Too late, too many: later on it may be taken.
            case 408, 425, 429, 500...: self = .failed("status \(status)")
            default: self = .refused("status \(status)")
            }
        }
    }

    private let url: URL
    private let session: URLSession

    /// - Parameter timeout: how long a response may take.
    init(_ url: URL, timeout: Duration) {
        self.url = url
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = timeout / .seconds(1)
        configuration.httpShouldSetCookies = false
        session = URLSession(configuration: configuration)
    }

    /// Posts a message: its id tells the receiver which one it is, should it come twice.
    func post(_ message: Message) async throws -> Result {
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        let content = Webhook.content(of: message)
        request.httpBody = content.bytes
        request.setValue(content.type, forHTTPHeaderField: "Content-Type")
        request.setValue(message.id.map { "\($0)" }, forHTTPHeaderField: "Idempotency-Key")
        do {
            let (_, response) = try await session.data(for: request)
            return Result(status: (response as? HTTPURLResponse)?.statusCode ?? 0)
        } catch {
            // A task that is cancelled cancels the request.
            try Task.checkCancellation()
            return .failed(error.localizedDescription)
        }
    }

    private static func content(of message: Message) -> (bytes: Data, type: String) {
        let type = message.contentType?.name
        if case .data(let bytes) = message.body { return (Data(bytes), type ?? "application/octet-stream") }
        if let text = message.body.value.stringValue { return (Data(text.utf8), type ?? "text/plain; charset=utf-8") }
        return (Data("\(message.body)".utf8), "text/plain; charset=utf-8")
    }
}
