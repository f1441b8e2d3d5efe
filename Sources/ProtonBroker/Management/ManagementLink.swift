// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A link from a peer that sends requests to the management node.
///
/// A request is accepted when its response is sent; if no response can be sent, it is rejected with the reason.
///
/// `@unchecked Sendable`: it is used in its connection's domain only.
final class ManagementLink: @unchecked Sendable {
    private let receiver: Receiver
    private let node: ManagementNode
    /// The number of requests in progress.
    private var pendingCount = 0
    private var isClosed = false

    /// The maximum number of requests in progress, with the peer's credit.
    private static let window = 100
    /// The maximum size of a request, in bytes.
    static let maxRequestSize = 65_536

    init(_ receiver: Receiver, _ node: ManagementNode) {
        (self.receiver, self.node) = (receiver, node)
    }

    func topUp() {
        let used = receiver.credit + pendingCount
        if used <= ManagementLink.window / 2 { receiver.grant(ManagementLink.window - used) }
    }

    private func deliveryChanged(_ delivery: Delivery) {
        switch delivery.arrival() {
        case .complete: receive(delivery)
        case .aborted, .settled:
            delivery.settle()
            topUp()
        case .incomplete, .updated, .nothing: break
        }
    }

    private func receive(_ delivery: Delivery) {
        pendingCount += 1
        do throws(ConditionError) {
            try node.receive(delivery.takeBytes()) { [self] in end(delivery, .accepted) }
        } catch {
            end(delivery, .rejected(error.condition))
        }
    }

    private func end(_ delivery: Delivery, _ outcome: Outcome) {
        guard !isClosed else { return }
        pendingCount -= 1
        delivery.settle(.outcome(outcome))
        topUp()
    }

    /// The link is closed: its requests in progress are still executed.
    func end() { isClosed = true }
}

extension ManagementLink: EventHandler {
    func handle(_ event: EngineEvent) throws {
        if case .delivery(let delivery) = event {
            deliveryChanged(delivery)
        } else {
            try receiver.connection.eventHandler.handle(event)
        }
    }
}
