// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// Translates incoming deliveries into the message callbacks of a `MessagingHandler`.
public final class IncomingMessageHandler: ProtonHandler {
    private let delegate: any MessagingHandler
    private let autoAccepts: Bool

    /// Creates a handler that calls its delegate, which it keeps alive.
    public init(autoAccepts: Bool = true, delegate: any MessagingHandler) {
        self.autoAccepts = autoAccepts
        self.delegate = delegate
    }

    public func onDelivery(_ event: DeliveryEvent) throws {
        let delivery = event.delivery
        guard delivery.link.isReceiver else { return }
        let whole: Delivery.Whole
        do {
            whole = try delivery.takeWhole()
        } catch {
            return try refuse(error, of: delivery)
        }
        switch whole {
        case .message(let message): return try handle(message, of: delivery)
        case .unwanted: return releaseUnhandled(delivery)
        case .none: break
        }
        switch delivery.arrival() {
        case .complete: try handle(delivery)
        case .aborted:
            try delegate.onAborted(event)
            delivery.settle()
        case .settled: try delegate.onSettled(event)
        case .updated: try delegate.onDeliveryUpdated(event)
        case .incomplete, .nothing: break
        }
    }

    /// Takes a message that has arrived in parts.
    private func handle(_ delivery: Delivery) throws {
        guard !delivery.link.isLocalClosed else { return releaseUnhandled(delivery) }
        let message: Message
        do {
            message = try delivery.takeMessage()
        } catch {
            return try refuse(error, of: delivery)
        }
        try handle(message, of: delivery)
    }

    /// Releases a message of a link that has been closed here.
    private func releaseUnhandled(_ delivery: Delivery) {
        if autoAccepts { delivery.settle(.released) }
    }

    @inline(__always)
    private func handle(_ message: Message, of delivery: Delivery) throws {
        do {
            try delegate.onMessage(MessageEvent(message: message, delivery: delivery))
            if autoAccepts { delivery.acceptTakenWhereUndecided() }
        } catch let rejection as Delivery.Reject {
            delivery.reject(rejection.condition)
        } catch is Delivery.Release {
            delivery.release()
        }
    }

    private func refuse(_ invalid: InvalidMessage, of delivery: Delivery) throws {
        let event = InvalidMessageEvent(error: invalid.error, bytes: invalid.bytes, delivery: delivery)
        do {
            try delegate.onInvalidMessage(event)
            if autoAccepts, delivery.localState == nil { delivery.reject(event.condition) }
        } catch let rejection as Delivery.Reject {
            delivery.reject(rejection.condition)
        } catch is Delivery.Release {
            delivery.release()
        }
    }
}
