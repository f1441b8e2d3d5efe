// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

import Proton
import Tracing

/// The operation of a span, with OpenTelemetry's conventions for messaging.
struct SpanOperation {
    enum Kind: String {
        case send
        case process
        case request
    }

    private let kind: Kind
    private let message: Message
    private let link: AMQPLinkInfo
    private let system: String

    init(_ kind: Kind, _ message: Message, _ link: AMQPLinkInfo, _ system: String) {
        (self.kind, self.message, self.link, self.system) = (kind, message, link, system)
    }

    /// The span's name: there are few different ones.
    var name: String { link.address.map { "\(kind.rawValue) \($0)" } ?? kind.rawValue }

    /// Sets the attributes of the message, if the span is recorded.
    func setAttributes(of span: any Span) {
        guard span.isRecording else { return }
        span.updateAttributes { attributes in
            attributes["messaging.system"] = system
            attributes["messaging.operation.name"] = kind.rawValue
            attributes["messaging.operation.type"] = kind == .process ? "process" : "send"
            if let address = link.address ?? message.address { attributes["messaging.destination.name"] = address }
            if let id = message.id { attributes["messaging.message.id"] = "\(id)" }
            if let id = message.correlationID { attributes["messaging.message.conversation_id"] = "\(id)" }
            let peer = link.connection.isIncoming ? "network.peer" : "server"
            attributes["\(peer).address"] = link.connection.host
            attributes["\(peer).port"] = link.connection.port
            attributes["network.protocol.name"] = "amqp"
            attributes["network.protocol.version"] = "1.0"
        }
    }
}

extension Span {
    /// Marks the span as failed.
    func fail(_ error: any Error) {
        recordError(error)
        attributes["error.type"] = errorType(error)
        setStatus(SpanStatus(code: .error, message: "\(error)"))
    }
}

/// The type of an error: there are few different ones.
private func errorType(_ error: any Error) -> String {
    switch error {
    case AMQPSendError.notSent: "not_sent"
    case AMQPSendError.inDoubt: "in_doubt"
    case AMQPSendError.refused(.rejected(let condition)): condition.map { "\($0.name)" } ?? "rejected"
    case AMQPSendError.refused(.modified): "modified"
    case AMQPSendError.refused: "released"
    default: "\(type(of: error))"
    }
}

#endif
