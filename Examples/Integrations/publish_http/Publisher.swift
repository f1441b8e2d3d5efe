// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Proton

/// Sends what requests bring, and answers by the outcome.
struct Publisher: Sendable {
    let connection: AMQPConnection
    let timeout: Duration

    /// The largest message that is taken, in bytes; one that is larger is answered with 413.
    private static let maxSize = 1_048_576

    func publish(_ request: Request, to address: String) async throws -> Response {
        let content = Array(buffer: try await request.body.collect(upTo: Publisher.maxSize))
        guard !content.isEmpty else { return answer(.badRequest, "There is nothing to send.") }
        var message = Message(body: .data(content))
        message.contentType = request.headers[.contentType].flatMap { Symbol(exactly: $0) }
        do {
            try await connection.send(message, to: address, timeout: timeout)
            return answer(.accepted, "accepted")
        } catch AMQPSendError.refused(.rejected(let condition)) {
            return answer(.badRequest, condition?.description ?? "The broker does not take the message.")
        } catch AMQPSendError.inDoubt {
            // Sent again it may arrive twice: only the client knows whether that does harm.
            return answer(.serviceUnavailable, "What became of the message is not known.")
        } catch is AMQPSendError {
            return answer(.serviceUnavailable, "The message was not taken.")
        }
    }

    private func answer(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(status: status, body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    }
}
