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
        let isFirst = state.withLock { state in
            guard state.intake.isOpen else { return false }
            state.intake = .draining(nil)
            return true
        }
        guard isFirst else { return }
        let timer = link.connection.afterCloseTimeout { [self] in endIntake() }
        let isKept = state.withLock { state in
            guard case .draining = state.intake else { return false }
            state.intake = .draining(timer)
            return true
        }
        if !isKept { timer?.cancel() }
        link.post { [self] link in
            guard let receiver = link as? Receiver, (try? receiver.drain()) != nil else { return endIntake() }
        } otherwise: { [self] in
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
