// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import ProtonUtilities

/// Tasks and threads that wait for the connection.
extension ClientConnection {
    /// Waits until the peer has opened the connection.
    /// - Returns: the error that ended the connection before; nil also if the task was cancelled.
    func waitUntilOpen() async -> ProtonError? {
        let id = nextID()
        return await wait(id) { waiter, isCancelled in
            registerForOpen(waiter, isCancelled: isCancelled)
        } onCancel: { [self] in
            takeOutOfOpen(id)?.resume(nil)
        }
    }

    /// Blocks the thread until the peer has opened the connection; gives the connection up at the deadline.
    /// - Throws: the error that ended the connection before.
    func waitUntilOpen(until deadline: Deadline) throws(ProtonError) {
        let id = nextID()
        let answer = waitBlocking(id, until: deadline) { waiter in
            registerForOpen(waiter, isCancelled: false)
        } onTimeout: {
            takeOutOfOpen(id) != nil
        }
        if answer == nil { giveUpOpening("in time") }
        if let error = answer ?? end { throw error }
    }

    private func registerForOpen(_ waiter: Waiter<ProtonError?>, isCancelled: Bool) -> Waiting<ProtonError?> {
        state.withLock { state in
            switch state.phase {
            case .open where state.wasOpen: return .ready(nil)
            case .ended(let error): return .ready(error)
            case .closing: return .ready(ClientConnection.closedHere)
            case .opening, .open: break
            }
            if isCancelled { return .ready(nil) }
            state.openWaiters.append(waiter)
            return .kept
        }
    }

    private func takeOutOfOpen(_ id: UInt64) -> Waiter<ProtonError?>? {
        state.withLock { state in
            state.openWaiters.firstIndex { $0.id == id }.map { state.openWaiters.remove(at: $0) }
        }
    }

    /// Gives up a connection that the peer has not opened in time.
    func giveUpOpening(after timeout: Duration) { giveUpOpening("within \(timeout)") }

    private func giveUpOpening(_ time: String) {
        let error: ProtonError? = state.withLock { state in
            let last: ProtonError?
            switch state.phase {
            case .opening(let error): last = error
            // The peer has announced that it will close the connection, and has not closed it.
            case .open where !state.wasOpen: last = nil
            case .open, .closing, .ended: return nil
            }
            return ProtonError(
                .timedOut,
                "\(state.url.hostAndPort) has not opened the connection \(time).\(last.map { " \($0.message)" } ?? "")",
                condition: last?.condition, underlyingError: last)
        }
        guard let error else { return }
        end(error)
        drop()
    }

    /// Waits until the connection has ended, for at most twice the close time-out.
    func waitUntilEnded() async {
        let timer = try? container.schedule(after: closeTimeout * 2) { [self] _ in end(ClientConnection.closedHere) }
        defer { timer?.cancel() }
        await waitToTheEnd { waiter in
            state.withLock { state in
                if case .ended = state.phase { return .ready(()) }
                state.endWaiters.append(waiter)
                return .kept
            }
        }
    }
}
