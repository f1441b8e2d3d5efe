// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import DequeModule
import ProtonEngine
import ProtonUtilities

/// The messages of an `AMQPStreamReceiver`: one at a time, in pieces, with a limited number of bytes waiting here.
final class IncomingStream: LinkTraffic {
    /// An event that the program waits for.
    enum Event: Sendable {
        case message(Message, number: UInt64)
        case piece([UInt8])
        case end
        case failed(ProtonError)
    }

    /// The message that is being received.
    private struct Arriving {
        let delivery: Delivery
        let number: UInt64
        var pieces: MessagePieces
        /// The sections before the body, when they have arrived.
        var head: Message?
        /// Whether the program has received it, or the error of a message that failed.
        var isSeen = false
        /// The pieces of the body that have arrived and wait for the program.
        var body: Deque<[UInt8]> = []
        var bytes = 0
        var end: End?
        /// The first settlement: by the program, or a rejection if the message is invalid.
        var outcome: DeliveryState?
        /// Whether all of it has arrived and was taken. It is settled only then: if it were settled before, its remaining bytes
        /// would still arrive, without a delivery.
        var isTaken = false
        /// Whether its remaining bytes are dropped when they arrive.
        var isUnwanted = false

        /// Sends the settlement to the peer; in the domain.
        func settle() {
            if let outcome { delivery.settle(outcome) } else { delivery.release() }
        }
    }

    private enum End {
        case complete
        case failed(ProtonError)
    }

    private struct State {
        var arriving: Arriving?
        var intake = Intake.open
        var end: ProtonError?
        /// Whether the program requests the next message, and the peer has no credit for it yet.
        var wantsNext = false
        /// Whether the program has requested a message.
        var isAsked = false
        var number: UInt64 = 0
        var waiters: [Waiter<Wake>] = []
        var lastID: UInt64 = 0
    }

    private let state = UncheckedMutex(State())
    private let buffer: Int
    private let title: String

    init(buffer: Int, title: String) {
        (self.buffer, self.title) = (buffer, title)
    }

    /// The number of messages that wait for the program: 1 if it has not seen the current message, else 0.
    var waitingCount: Int { state.withLock { $0.arriving?.isSeen == false ? 1 : 0 } }

    // MARK: For the program

    /// Takes the next message, and waits for it. The remaining bytes of the previous one are dropped, and it is returned to the
    /// peer if it is not settled.
    /// - Returns: nil if the task is cancelled.
    func next(on link: ClientLink) async -> Event? {
        state.withLock { state in
            // A message that arrived before it was requested is the next one.
            state.wantsNext = state.arriving?.isSeen != false
            state.isAsked = true
        }
        link.post { [self] link in beginNext(link) }
        return await take { state in
            guard !state.wantsNext, let arriving = state.arriving, !arriving.isSeen else {
                // A message that the program has does not count.
                guard state.intake.hasFinished, state.arriving?.isSeen != false else { return nil }
                return .failed(ProtonError(.closed, "The receiver was asked to take no more messages."))
            }
            if let head = arriving.head {
                state.arriving?.isSeen = true
                return .message(head, number: arriving.number)
            }
            guard case .failed(let error) = arriving.end else { return nil }
            state.arriving?.isSeen = true
            return .failed(error)
        }
    }

    /// Takes the next piece of a message's body, and waits for it.
    /// - Returns: nil if the task is cancelled.
    func nextPiece(of number: UInt64, on link: ClientLink) async -> Event? {
        let event = await take { [title] state in
            guard state.arriving?.number == number, !state.wantsNext else {
                return .failed(
                    state.end
                        ?? ProtonError(
                            .closed, "\(title): the message has been given back, or is lost with its connection."))
            }
            if let piece = state.arriving?.body.popFirst() {
                state.arriving?.bytes -= piece.count
                return .piece(piece)
            }
            return switch state.arriving?.end {
            case .complete: .end
            case .failed(let error): .failed(error)
            case nil: nil
            }
        }
        // There is room for more bytes.
        if case .piece = event { link.post { [self] _ in pump() } }
        return event
    }

    private enum Wake: Sendable {
        case event(Event)
        /// The state has changed, or the task is cancelled.
        case look
    }

    /// Waits until there is an event.
    private func take(_ body: @Sendable (inout State) -> Event?) async -> Event? {
        while !Task.isCancelled {
            let id = state.withLock { state in
                state.lastID += 1
                return state.lastID
            }
            let wake: Wake = await wait(id) { waiter, isCancelled in
                state.withLock { state in
                    if let event = body(&state) ?? state.end.map({ .failed($0) }) { return .ready(.event(event)) }
                    if isCancelled { return .ready(.look) }
                    state.waiters.append(waiter)
                    return .kept
                }
            } onCancel: { [self] in
                let waiter = state.withLock { state in
                    state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
                }
                waiter?.resume(.look)
            }
            if case .event(let event) = wake { return event }
        }
        return nil
    }

    /// Settles a message; its remaining bytes are dropped.
    func settle(_ number: UInt64, _ outcome: DeliveryState, on link: ClientLink) {
        let isFirst = state.withLock { state in
            guard let arriving = state.arriving, arriving.number == number, arriving.outcome == nil else {
                return false
            }
            state.arriving?.outcome = outcome
            return true
        }
        guard isFirst else { return }
        link.post { [self] link in drop(number, on: link) }
    }

    private func tell() {
        let waiters = state.withLock { exchange(&$0.waiters, with: []) }
        for waiter in waiters { waiter.resume(.look) }
    }

    // MARK: In the domain

    func attached(_ link: Link) { beginNext(link) }

    /// Gives credit for one message, if the program wants it and the previous one has been taken.
    private func beginNext(_ link: Link) {
        guard let receiver = link as? Receiver else { return }
        let (isWanted, old) = state.withLock { state in
            guard state.wantsNext else { return (false, state.arriving) }
            if state.arriving?.isTaken == false {
                state.arriving?.isUnwanted = true
                return (false, state.arriving)
            }
            state.wantsNext = false
            return (true, exchange(&state.arriving, with: nil))
        }
        guard isWanted else { return pump() }
        // No effect if the settlement has been sent.
        old?.settle()
        guard receiver.credit == 0 else { return }
        guard !state.withLock({ $0.intake.isOpen }) else { return receiver.grant(1) }
        endIntake()
        tell()
    }

    /// The program has settled a message: its remaining bytes are dropped.
    private func drop(_ number: UInt64, on link: Link) {
        let arriving: Arriving? = state.withLock { state in
            guard state.arriving?.number == number else { return nil }
            state.arriving?.isUnwanted = true
            return state.arriving
        }
        guard let arriving else { return }
        if arriving.isTaken { arriving.settle() } else { pump() }
        finish(.failed(ProtonError(.closed, "\(title): the message was settled before its end.")))
    }

    func flow(_ link: Link) {
        if let receiver = link as? Receiver, receiver.takeDrainEnd() { endIntake() }
    }

    func arrived(_ delivery: Delivery) {
        let isCurrent = state.withLock { state in
            if let arriving = state.arriving {
                if arriving.delivery == delivery { return true }
                // After a reconnect the engine gives the lost credit again, so that a message may arrive that the program has not
                // requested yet.
                guard arriving.isTaken else { return false }
            }
            guard !delivery.isAborted else { return false }
            state.number += 1
            state.wantsNext = false
            let limits = delivery.connection.limits
            state.arriving = Arriving(
                delivery: delivery, number: state.number,
                pieces: MessagePieces(limits: limits.decoding, maxKept: limits.maxMessageSize))
            return true
        }
        if isCurrent {
            take(delivery)
        } else {
            // A delivery that was aborted before any of its bytes arrived, or that had no credit.
            _ = delivery.takePart()
            delivery.settle()
        }
        flow(delivery.link)
    }

    /// Takes as many bytes as there is room for.
    private func pump() {
        let delivery: Delivery? = state.withLock { $0.arriving?.isTaken == false ? $0.arriving?.delivery : nil }
        if let delivery { take(delivery) }
    }

    /// Takes as many bytes as there is room for: the others stay in proton, and so close the session's window.
    private func take(_ delivery: Delivery) {
        if delivery.isAborted {
            _ = delivery.arrival()
            state.withLock { $0.arriving?.isTaken = true }
            delivery.settle()
            forgetUnseen()
            finish(.failed(ProtonError(.closed, "\(title): the sender has given the message up.")))
            return beginNext(delivery.link)
        }
        let room = state.withLock { state in
            state.arriving?.isUnwanted == true ? .max : max(0, buffer - (state.arriving?.bytes ?? 0))
        }
        let bytes = delivery.takePart(upTo: room)
        let isTaken = delivery.isConsumed
        do throws(CodecError) {
            try add(bytes, isLast: isTaken)
            if isTaken { finish(.complete) } else { tell() }
        } catch {
            reject(error)
        }
        guard isTaken else { return }
        let settled: Arriving? = state.withLock { state in
            state.arriving?.isTaken = true
            return state.arriving?.outcome == nil ? nil : state.arriving
        }
        settled?.settle()
        beginNext(delivery.link)
    }

    /// Rejects bytes that are not a valid message: the remaining ones are dropped.
    private func reject(_ error: CodecError) {
        state.withLock { state in
            state.arriving?.outcome = .rejected(Condition(.decodeError, "\(error)"))
            state.arriving?.isUnwanted = true
        }
        finish(
            .failed(
                ProtonError(
                    .protocolViolation,
                    "\(title): a message that has come is not valid AMQP, and was rejected: \(error)",
                    underlyingError: error)))
    }

    private func add(_ bytes: [UInt8], isLast: Bool) throws(CodecError) {
        try state.withLock { state throws(CodecError) in
            if state.arriving?.isUnwanted == true { return }
            for part in try state.arriving?.pieces.add(bytes) ?? [] {
                switch part {
                case .head(let message): state.arriving?.head = message
                case .data(let bytes):
                    state.arriving?.body.append(bytes)
                    state.arriving?.bytes += bytes.count
                }
            }
            if isLast, let whole = try state.arriving?.pieces.finish() { state.arriving?.head = whole }
        }
    }

    /// Ends the message that is being received.
    private func finish(_ end: End) {
        state.withLock { state in
            if state.arriving != nil, state.arriving?.end == nil { state.arriving?.end = end }
        }
        tell()
    }

    // MARK: Ends

    /// Requests no more messages: unused credit of the peer is drained.
    func finish(_ link: ClientLink) {
        link.finishIntake { change in
            state.withLock { change(&$0.intake) }
        } drain: { receiver in
            receiver.credit > 0 && (try? receiver.drain()) != nil
        } end: { [self] in
            endIntake()
        }
    }

    /// Ends the intake: the message that is being received is the last one.
    private func endIntake() {
        let timer: TimerTask?? = state.withLock { state in
            guard case .draining(let timer) = state.intake else { return nil }
            state.intake = .finished
            return .some(timer)
        }
        guard let timer else { return }
        timer?.cancel()
        tell()
    }

    /// The message is lost: it fails if the program has seen it; otherwise the peer sends it again from its beginning.
    func interrupted(_ error: ProtonError) {
        forgetUnseen()
        // Its remaining bytes do not arrive any more.
        state.withLock { $0.arriving?.isTaken = true }
        finish(.failed(error))
        endIntake()
    }

    /// Drops a message that the program has not seen, so that another takes its place if the program has requested one.
    private func forgetUnseen() {
        state.withLock { state in
            guard state.arriving?.isSeen != true else { return }
            state.arriving = nil
            state.wantsNext = state.isAsked
        }
    }

    func closing(_ link: Link) {
        let arriving = state.withLock { exchange(&$0.arriving, with: nil) }
        arriving?.settle()
    }

    func ended(_ error: ProtonError) {
        state.withLock { $0.end = error }
        endIntake()
        finish(.failed(error))
    }
}
