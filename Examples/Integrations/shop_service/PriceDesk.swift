// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Hummingbird
import Proton

/// Asks for prices over AMQP, and answers by what comes of it.
struct PriceDesk: Sendable {
    let connection: AMQPConnection
    let timeout: Duration

    /// Has a request answered: 504 where nobody does in time.
    func price(of item: String) async throws -> Response {
        var request = Message(body: item)
        // One that nobody waits for any more is not worth an answer.
        request.timeToLive = timeout
        do {
            let response = try await connection.request(request, to: "prices", timeout: timeout)
            return .text(.ok, "\(response.body)")
        } catch AMQPSendError.inDoubt {
            // It was sent, and no response has come. To ask once more does no harm.
            return .text(.gatewayTimeout, "No price has come in time.")
        } catch AMQPSendError.refused(let outcome) {
            return .text(.badGateway, "The request was refused: \(outcome).")
        } catch is AMQPSendError {
            return .text(.serviceUnavailable, "The request was not sent.")
        }
    }
}

extension Response {
    /// A response with a line.
    static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    }
}
