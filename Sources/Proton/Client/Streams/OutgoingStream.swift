// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// One message that is sent in pieces on its own link, as the peer takes them.
final class OutgoingStream: LinkTraffic {
    private enum Phase {
        /// The peer has given no credit yet.
        case waiting
        case writing(Delivery)
        /// All of it is written; the outcome has not arrived.
        case written
        /// Nothing more is written; the delivery is one that was not completed, and has to be aborted.
        case ended(any Error, unfinished: Delivery?)
    }

    private struct State {
        var phase = Phase.waiting
        /// The bytes that the program has handed over, and the peer's window has not taken.
        var bytes: ArraySlice<UInt8> = []
        /// Whether the program has handed over the whole message.
        var isComplete = false
        var waiter: Waiter<(any Error)?>?
    }

    private let state = UncheckedMutex(State())
    let receipt = SendReceipt()

    /// Whether the message waits for credit.
    var waitingCount: Int {
        if case .waiting = state.withLock({ $0.phase }) { 1 } else { 0 }
    }

    // MARK: For the program

    /// Hands over bytes, and waits until they are sent; one task at a time.
    /// - Returns: the error that ended the message; nil also if the task is cancelled.
    func write(_ bytes: [UInt8], on link: ClientLink) async -> (any Error)? {
        state.withLock { $0.bytes += bytes }
        link.post { [self] link in flow(link) }
        return await wait(0) { waiter, isCancelled in
            state.withLock { state in
                if case .ended(let error, _) = state.phase { return .ready(error) }
                if isCancelled || state.bytes.isEmpty { return .ready(nil) }
                state.waiter = waiter
                return .kept
            }
        } onCancel: { [self] in
            state.withLock { exchange(&$0.waiter, with: nil) }?.resume(nil)
        }
    }

    /// Ends the message: all bytes were handed over.
    func finish(on link: ClientLink) {
        state.withLock { $0.isComplete = true }
        link.post { [self] link in flow(link) }
    }

    // MARK: In the domain

    func attached(_ link: Link) { flow(link) }

    func flow(_ link: Link) {
        guard let sender = link as? Sender else { return }
        do {
            try pump(sender)
        } catch {
            end(error)
        }
    }

    private func pump(_ sender: Sender) throws {
        let waiter: Waiter<(any Error)?>? = try state.withLock { state in
            if case .waiting = state.phase, sender.credit > 0 {
                state.phase = .writing(try sender.stream())
                _ = receipt.beginSending()
            }
            guard case .writing(let delivery) = state.phase else { return nil }
            while !state.bytes.isEmpty {
                let count = try delivery.write(state.bytes)
                if count == 0 { return nil }
                state.bytes.removeFirst(count)
            }
            state.bytes = []
            if state.isComplete {
                try delivery.finish()
                state.phase = .written
                // Sent settled: no outcome follows.
                if delivery.slot == nil { receipt.decide(.success(.accepted)) }
            }
            return exchange(&state.waiter, with: nil)
        }
        waiter?.resume(nil)
    }

    func arrived(_ delivery: Delivery) {
        guard let update = delivery.remoteUpdate() else { return }
        switch update.state {
        case .outcome(let outcome), .transactional(_, let outcome?):
            // A peer may settle the message before its end.
            let isWritten = state.withLock { if case .written = $0.phase { true } else { false } }
            if isWritten { delivery.settle() }
            receipt.decide(.success(outcome))
            end(ProtonError(.closed, "The peer has settled the message before its end."))
        default:
            guard update.isSettled else { return }
            let cause = ProtonError(.inDoubt, "the peer settled the message without an outcome.")
            delivery.settle()
            receipt.decide(.failure(.inDoubt(cause)))
        }
    }

    // MARK: Ends

    /// Stops writing: an incomplete message is not sent, and a complete one is in doubt.
    func end(_ error: any Error) {
        let (isWritten, waiter) = state.withLock { state in
            var isWritten = false
            switch state.phase {
            case .written: isWritten = true
            case .waiting: state.phase = .ended(error, unfinished: nil)
            case .writing(let delivery): state.phase = .ended(error, unfinished: delivery)
            case .ended: break
            }
            state.bytes = []
            return (isWritten, exchange(&state.waiter, with: nil))
        }
        receipt.decide(.failure(isWritten ? .inDoubt(error) : .notSent(error)))
        waiter?.resume(error)
    }

    func interrupted(_ error: ProtonError) { end(error) }

    /// Aborts an incomplete message.
    func closing(_ link: Link) {
        let delivery: Delivery? = state.withLock { state in
            switch state.phase {
            case .writing(let delivery), .ended(_, let delivery?): delivery
            case .waiting, .written, .ended: nil
            }
        }
        delivery?.abort()
    }

    func ended(_ error: ProtonError) { end(error) }
}
