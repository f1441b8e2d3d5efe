// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonEngine
import ProtonUtilities

/// Whether an `AMQPReceiver` still takes messages.
enum Intake {
    case open
    /// The program takes no more messages, and the peer is asked to return its credit, until the timer fires.
    case draining(TimerTask?)
    /// No more messages arrive.
    case finished

    var isOpen: Bool {
        if case .open = self { true } else { false }
    }

    var hasFinished: Bool {
        if case .finished = self { true } else { false }
    }

    /// Begins to drain, unless that has begun before.
    /// - Returns: whether it began now.
    mutating func beginDraining() -> Bool {
        guard isOpen else { return false }
        self = .draining(nil)
        return true
    }

    /// Keeps the timer of a drain that is still in progress.
    /// - Returns: whether it is.
    mutating func keep(_ timer: TimerTask?) -> Bool {
        guard case .draining = self else { return false }
        self = .draining(timer)
        return true
    }
}

extension ClientLink {
    /// Asks the peer to return the credit of the link's receiver.
    ///
    /// - Parameters:
    ///   - change: changes the intake of the receiver, under its lock.
    ///   - drain: drains the receiver; returns whether the peer will answer.
    ///   - end: ends the intake: called at once if there is nothing to wait for, or when the close time-out expires.
    func finishIntake(
        _ change: ((inout Intake) -> Bool) -> Bool, drain: @escaping @Sendable (Receiver) -> Bool,
        end: @escaping @Sendable () -> Void
    ) {
        guard change({ $0.beginDraining() }) else { return }
        let timer = connection.afterCloseTimeout { end() }
        if !change({ $0.keep(timer) }) { timer?.cancel() }
        post { link in
            guard let receiver = link as? Receiver, drain(receiver) else { return end() }
        } otherwise: {
            end()
        }
    }
}

extension Incoming.State {
    /// The reason why no more messages arrive.
    var endOfMessages: ProtonError? {
        end ?? (intake.hasFinished ? ProtonError(.closed, "The receiver was asked to take no more messages.") : nil)
    }
}

extension Incoming {
    /// Whether no more messages arrive because the program has finished the receiver.
    var hasFinished: Bool { state.withLock { $0.intake.hasFinished } }

    /// Takes no more messages: no credit is given any more, and the peer is asked to return its credit.
    ///
    /// The program still gets messages that arrive before the answer. If the peer does not answer within the close time-out, or
    /// the link is not attached, the intake ends.
    func finish(_ link: ClientLink) {
        link.finishIntake { change in
            state.withLock { change(&$0.intake) }
        } drain: { receiver in
            (try? receiver.drain()) != nil
        } end: { [self] in
            endIntake()
        }
    }

    /// Ends the intake, if the program has finished the receiver.
    func endIntake() {
        let ended: (TimerTask?, waiters: [Waiter<Void>])? = state.withLock { state in
            guard case .draining(let timer) = state.intake else { return nil }
            state.intake = .finished
            return (timer, exchange(&state.waiters, with: []).map(\.waiter))
        }
        guard let (timer, waiters) = ended else { return }
        timer?.cancel()
        for waiter in waiters { waiter.resume(()) }
    }
}
