// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import ProtonUtilities

/// The state of a client's transaction, and the task that waits for it. The connection's loop calls it with events.
final class ClientTransaction: TransactionHandler, Sendable {
    private enum Phase {
        /// The peer has not begun it yet.
        case declaring
        case open(id: [UInt8])
        /// The program has given it up, and the peer has not begun it yet.
        case abandoned
        /// It has ended; nil if it ended as requested.
        case ended(ProtonError?)
    }

    private struct State {
        var phase = Phase.declaring
        var transaction: Transaction?
        var waiter: Waiter<Void>?
    }

    private let state = UncheckedMutex(State())

    // MARK: For the program

    /// Asks the peer to begin the transaction, and waits until it has.
    /// - Returns: the transaction's id.
    func begin(on connection: ClientConnection) async throws -> [UInt8] {
        let isPosted = connection.post { [self] connection in
            do {
                let transaction = try connection.container.declareTransaction(
                    connection, handler: self, settlesBeforeDischarge: true)
                state.withLock { $0.transaction = transaction }
            } catch {
                end(error as? ProtonError ?? ProtonError(.transactionFailed, "\(error)", underlyingError: error))
            }
        }
        guard isPosted else { throw connection.endError }
        await wait { if case .open = $0 { true } else { false } }
        let phase = state.withLock { state in
            defer { if case .declaring = state.phase { state.phase = .abandoned } }
            return state.phase
        }
        switch phase {
        case .open(let id): return id
        case .ended(let error): throw error ?? ProtonError(.transactionFailed, "The transaction was not begun.")
        case .declaring, .abandoned: throw CancellationError()
        }
    }

    /// Commits it, and waits for the answer, also if the task is cancelled: the program has to know the result.
    func commit(on connection: ClientConnection) async throws {
        discharge(on: connection) { try $0.commit() }
        if let error = await waitForEnd() { throw error }
    }

    /// Aborts it, and waits for the answer.
    func abort(on connection: ClientConnection) async {
        discharge(on: connection) { try $0.abort() }
        _ = await waitForEnd()
    }

    private func discharge(on connection: ClientConnection, _ body: @escaping @Sendable (Transaction) throws -> Void) {
        let isPosted = connection.post { [self] _ in
            guard let transaction = state.withLock({ $0.transaction }), !hasEnded else { return }
            do { try body(transaction) } catch { end(error as? ProtonError ?? undone("\(error)")) }
        }
        if !isPosted { end(undone(connection.endError.message)) }
    }

    private var hasEnded: Bool {
        if case .ended = state.withLock({ $0.phase }) { true } else { false }
    }

    private func waitForEnd() async -> ProtonError? {
        await waitToTheEnd { waiter in
            state.withLock { state in
                if case .ended = state.phase { return .ready(()) }
                state.waiter = waiter
                return .kept
            }
        }
        return if case .ended(let error) = state.withLock({ $0.phase }) { error } else { nil }
    }

    /// Waits until the transaction has ended, or the condition is met.
    private func wait(until isOver: (Phase) -> Bool) async {
        await Proton.wait(0) { waiter, isCancelled in
            state.withLock { state in
                if case .ended = state.phase { return .ready(()) }
                if isOver(state.phase) || isCancelled { return .ready(()) }
                state.waiter = waiter
                return .kept
            }
        } onCancel: { [self] in
            state.withLock { exchange(&$0.waiter, with: nil) }?.resume(())
        }
    }

    private func undone(_ why: String) -> ProtonError {
        ProtonError(.transactionFailed, "What was done in the transaction is undone: \(why)")
    }

    private func end(_ error: ProtonError?) {
        let waiter = state.withLock { state in
            if case .ended = state.phase {} else { state.phase = .ended(error) }
            state.transaction = nil
            return exchange(&state.waiter, with: nil)
        }
        waiter?.resume(())
    }

    // MARK: Callbacks

    func onTransactionDeclared(_ event: TransactionEvent) {
        let isWanted = state.withLock { state in
            guard case .declaring = state.phase, let id = event.transaction.id else { return false }
            state.phase = .open(id: id)
            return true
        }
        // It is open, so the abort cannot fail.
        guard isWanted else { return (try? event.transaction.abort()) ?? () }
        state.withLock { exchange(&$0.waiter, with: nil) }?.resume(())
    }

    func onTransactionCommitted(_ event: TransactionEvent) { end(nil) }
    func onTransactionAborted(_ event: TransactionEvent) { end(nil) }
    func onTransactionDeclareFailed(_ event: TransactionEvent) { end(event.error(.undeclared)) }
    func onTransactionCommitFailed(_ event: TransactionEvent) { end(event.error(.uncommitted)) }
    func onTransactionLost(_ event: TransactionEvent) { end(event.error(.lost)) }
    func onTransactionInDoubt(_ event: TransactionEvent) { end(event.error(.inDoubt)) }
}
