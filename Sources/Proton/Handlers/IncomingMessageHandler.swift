import AMQP
import ProtonEngine

/// Turns deliveries that come in into the callbacks of a `MessagingHandler` about messages.
public final class IncomingMessageHandler: ProtonHandler {
    private let delegate: any MessagingHandler
    private let autoAccepts: Bool

    /// Creates a handler that makes the callbacks of its delegate, which it keeps alive.
    public init(autoAccepts: Bool = true, delegate: any MessagingHandler) {
        self.autoAccepts = autoAccepts
        self.delegate = delegate
    }

    public func onDelivery(_ event: DeliveryEvent) throws {
        let delivery = event.delivery
        guard delivery.link.isReceiver else { return }
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

    private func handle(_ delivery: Delivery) throws {
        guard !delivery.link.isLocalClosed else {
            if autoAccepts { delivery.settle(.released) }
            return
        }
        let message: Message
        do {
            message = try delivery.takeMessage()
        } catch {
            return try refuse(InvalidMessageEvent(error: error.error, bytes: error.bytes, delivery: delivery))
        }
        do {
            try delegate.onMessage(MessageEvent(message: message, delivery: delivery))
            if autoAccepts { delivery.acceptWhereUndecided() }
        } catch let rejection as Delivery.Reject {
            delivery.reject(rejection.condition)
        } catch is Delivery.Release {
            delivery.release()
        }
    }

    private func refuse(_ event: InvalidMessageEvent) throws {
        let delivery = event.delivery
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
