// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The status of a response, with the numbers of HTTP (AMQP Management 1.0 working draft, 3.2).
enum ManagementStatus: Int32, Sendable {
    case ok = 200
    case created = 201
    case noContent = 204
    case badRequest = 400
    case forbidden = 403
    case notFound = 404
    case conflict = 409
    case internalError = 500
    case notImplemented = 501
    case unavailable = 503

    /// The default of `statusDescription`.
    var text: String {
        switch self {
        case .ok: "OK"
        case .created: "Created"
        case .noContent: "No Content"
        case .badRequest: "Bad Request"
        case .forbidden: "Forbidden"
        case .notFound: "Not Found"
        case .conflict: "Conflict"
        case .internalError: "Internal Server Error"
        case .notImplemented: "Not Implemented"
        case .unavailable: "Service Unavailable"
        }
    }
}

/// The error of a request, which is sent as its answer.
struct ManagementError: Error, Equatable {
    let status: ManagementStatus
    let text: String

    init(_ status: ManagementStatus, _ text: String) { (self.status, self.text) = (status, text) }

    /// Converts an error of the broker's other parts.
    init(_ error: ConditionError) {
        let status: ManagementStatus =
            switch error.condition.name {
            case .unauthorizedAccess: .forbidden
            case .notFound: .notFound
            case .notAllowed, .resourceLocked: .conflict
            case .notImplemented: .notImplemented
            case .resourceLimitExceeded: .unavailable
            case .internalError: .internalError
            default: .badRequest
            }
        self.init(status, error.reason)
    }
}

/// The answer to a request.
struct ManagementResponse: Equatable {
    var status: ManagementStatus
    var description: String
    var body: AMQPValue
    /// The number of entities in the body; nil unless it answers a QUERY.
    var count: Int?

    init(_ status: ManagementStatus, _ body: AMQPValue = .map([:]), count: Int? = nil) {
        (self.status, description, self.body, self.count) = (status, status.text, body, count)
    }

    init(_ error: ManagementError) {
        (status, description, body) = (error.status, error.text, .map([:]))
    }

    /// The message that answers a request.
    func message(to request: Message) -> Message {
        var properties: ApplicationProperties = [
            "statusCode": .int(status.rawValue), "statusDescription": .string(description),
        ]
        if let count { properties["count"] = .int(Int32(clamping: count)) }
        return Message(
            body: .value(body), address: request.replyTo, correlationID: request.correlationID ?? request.id,
            properties: properties)
    }
}
