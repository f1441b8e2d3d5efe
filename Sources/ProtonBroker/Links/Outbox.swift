import Synchronization

/// Messages that other threads chose a consumer for, until its own thread sends them.
final class Outbox: Sendable {
    private enum State {
        case open([QueuedMessage])
        case closed
    }

    enum Arrival {
        /// The consumer's thread is to be told.
        case first
        /// It has been told already.
        case further
        /// The consumer is gone: the message belongs to whoever brought it.
        case refused
    }

    private let state = Mutex(State.open([]))

    func put(_ message: QueuedMessage) -> Arrival {
        state.withLock { state in
            guard case .open(var messages) = state else { return .refused }
            // Not held twice, so that appending does not copy.
            state = .closed
            messages.append(message)
            let isFirst = messages.count == 1
            state = .open(messages)
            return isFirst ? .first : .further
        }
    }

    /// Takes what is there.
    func takeAll() -> [QueuedMessage] {
        state.withLock { state in
            guard case .open(let messages) = state else { return [] }
            state = .open([])
            return messages
        }
    }

    /// Takes what is there, and lets nothing in any more.
    func close() -> [QueuedMessage] {
        state.withLock { state in
            guard case .open(let messages) = state else { return [] }
            state = .closed
            return messages
        }
    }
}
