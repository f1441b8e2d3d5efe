// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Synchronization

/// What instruments are told of a link.
extension ClientLink {
    /// The link as instruments know it.
    var info: AMQPLinkInfo {
        AMQPLinkInfo(
            id: id, role: role, address: asked, connection: connection.instrumentation.info(connection.url))
    }

    /// Tells of a message that is about to be sent; it may be changed.
    func observe(_ message: inout Message, _ receipt: SendReceipt) {
        guard isObserved, let observer = connection.instrumentation.willSend(&message, by: info) else { return }
        receipt.observe(observer)
    }

    /// Tells of a message that is handed out.
    /// - Returns: what is told of its settlement.
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

    /// Something has changed how much is under way: tells of that when the batch is over.
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

    /// Tells that nothing is under way any more.
    func tellEnd() {
        if isObserved { tell(AMQPLinkLevels()) }
    }

    private func tell(_ levels: AMQPLinkLevels) {
        let info = info
        for instrument in connection.instrumentation.instruments { instrument.levelsDidChange(levels, of: info) }
    }
}
