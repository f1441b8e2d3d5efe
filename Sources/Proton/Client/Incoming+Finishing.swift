// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonEngine
import ProtonUtilities

/// Whether an `AMQPReceiver` still wants messages.
enum Intake {
    case open
    /// The program wants no more, and the peer is asked to give back its credit: until the timer's time is up.
    case draining(TimerTask?)
    /// What has come is all.
    case finished

    var isOpen: Bool {
        if case .open = self { true } else { false }
    }

    var hasFinished: Bool {
        if case .finished = self { true } else { false }
    }

    /// Begins to drain, unless that was begun before.
    /// - Returns: whether it begins now.
    mutating func beginDraining() -> Bool {
        guard isOpen else { return false }
        self = .draining(nil)
        return true
    }

    /// Keeps the timer of a drain that goes on.
    /// - Returns: whether it does.
    mutating func keep(_ timer: TimerTask?) -> Bool {
        guard case .draining = self else { return false }
        self = .draining(timer)
        return true
    }
}

extension ClientLink {
    /// Has the peer give back the credit of the link's receiver.
    ///
    /// - Parameters:
    ///   - change: changes the intake of the receiver, under its lock.
    ///   - drain: drains the receiver; returns whether the peer will answer.
    ///   - end: ends the intake: called at once where there is nothing to wait for, and when the close time-out is over.
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
    /// Why no more messages come.
    var endOfMessages: ProtonError? {
        end ?? (intake.hasFinished ? ProtonError(.closed, "The receiver was asked to take no more messages.") : nil)
    }
}

extension Incoming {
    /// Whether no more messages come because the program wants none.
    var hasFinished: Bool { state.withLock { $0.intake.hasFinished } }

    /// Takes no more messages: no credit is given any more, and the peer is asked to give back what it has.
    ///
    /// What comes in answer is the program's still. Where the peer does not answer within the close time-out, or the link is not
    /// attached, what has come is all.
    func finish(_ link: ClientLink) {
        link.finishIntake { change in
            state.withLock { change(&$0.intake) }
        } drain: { receiver in
            (try? receiver.drain()) != nil
        } end: { [self] in
            endIntake()
        }
    }

    /// What has come is all, where the program wants no more.
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
