// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Synchronization

/// The calls to instruments for a link.
extension ClientLink {
    /// The link, for instruments.
    var info: AMQPLinkInfo {
        AMQPLinkInfo(
            id: id, role: role, address: asked, connection: connection.instrumentation.info(connection.url))
    }

    /// Reports a message that is about to be sent; instruments may change it.
    func observe(_ message: inout Message, _ receipt: SendReceipt) {
        guard isObserved, let observer = connection.instrumentation.willSend(&message, by: info) else { return }
        receipt.observe(observer)
    }

    /// Reports a message that is handed out.
    /// - Returns: the observation that reports its settlement.
    func observe(received message: Message, isSettled: Bool) -> DeliveryObservation? {
        guard isObserved else { return nil }
        levelsHaveChanged()
        return DeliveryObservation(connection.instrumentation.instruments, message, isSettled: isSettled, info)
    }

    /// Runs a body within the processing of a message.
    func process<Result>(_ message: Message, _ body: () async throws -> Result) async rethrows -> Result {
        guard isObserved else { return try await body() }
        return try await connection.instrumentation.process(message, from: info, body)
    }

    /// Runs a body within a request.
    func request<Response>(_ message: Message, _ body: () async throws -> Response) async rethrows -> Response {
        guard isObserved else { return try await body() }
        return try await connection.instrumentation.request(message, to: info, body)
    }

    /// Credit or the number of messages has changed: reports that at the end of the batch.
    @inline(__always)
    func levelsHaveChanged() {
        if isObserved { postLevels() }
    }

    private func postLevels() {
        guard !awaitsLevels.exchange(true, ordering: .relaxed) else { return }
        let isPosted = connection.post { [weak self] _ in self?.tellLevels() }
        if !isPosted { tellLevels() }
    }

    private func tellLevels() {
        awaitsLevels.store(false, ordering: .relaxed)
        var levels = AMQPLinkLevels(waiting: traffic.waitingCount)
        if let link = attachedLink {
            (levels.credit, levels.unsettled) = (max(0, link.credit), link.unsettledCount)
        }
        tell(levels)
    }

    /// Reports that the link has no credit and no messages any more.
    func tellEnd() {
        if isObserved { tell(AMQPLinkLevels()) }
    }

    private func tell(_ levels: AMQPLinkLevels) {
        let info = info
        for instrument in connection.instrumentation.instruments { instrument.levelsDidChange(levels, of: info) }
    }
}
