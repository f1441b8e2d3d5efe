import AMQP
import ProtonEngine

/// The messages of a blocking sender: those that wait for credit, and those that wait for their outcome.
struct Outbox: BlockingTraffic {
    /// What the peer said of a message.
    enum Answer {
        case outcome(Outcome)
        /// It was sent settled: the peer says nothing of it.
        case sentSettled
        /// The peer settled it, and gave no outcome.
        case noOutcome
        /// It was for the connection that was lost.
        case notSent
    }

    private enum Send {
        case waiting(Message, survivesLoss: Bool)
        case sent
        case done(Result<Answer, any Error>)
    }

    private var sends: [UInt64: Send] = [:]
    /// Those that wait for credit, first come first sent.
    private var order: [UInt64] = []
    private var numbers: [Delivery: UInt64] = [:]
    private var lastNumber: UInt64 = 0

    /// Adds a message to send.
    /// - Parameter survivesLoss: whether to send it also when the connection was lost and made again.
    /// - Returns: its number.
    mutating func add(_ message: Message, survivesLoss: Bool) -> UInt64 {
        lastNumber += 1
        sends[lastNumber] = .waiting(message, survivesLoss: survivesLoss)
        order.append(lastNumber)
        return lastNumber
    }

    /// What has become of a message; nil while it is not known.
    func result(of number: UInt64) -> Result<Answer, any Error>? {
        if case .done(let result) = sends[number] { result } else { nil }
    }

    /// Nobody waits for a message any more; where it has not been sent, it will not be.
    mutating func forget(_ number: UInt64) {
        guard case .waiting = sends.removeValue(forKey: number) else { return }
        order.removeAll { $0 == number }
    }

    func timeoutError(of number: UInt64, on title: String) -> ProtonError {
        if case .waiting = sends[number] {
            return ProtonError(.timedOut, "\(title): the peer gave no credit in time; the message was not sent.")
        }
        let cause = ProtonError(.timedOut, "\(title): the peer has not said in time what became of the message.")
        return inDoubt(cause)
    }

    mutating func sendable(_ sender: Sender) {
        while sender.credit > 0, let number = order.first {
            order.removeFirst()
            guard case .waiting(let message, _) = sends[number] else { continue }
            do {
                let delivery = try sender.send(message)
                if delivery.isSettled {
                    sends[number] = .done(.success(.sentSettled))
                } else {
                    sends[number] = .sent
                    numbers[delivery] = number
                }
            } catch {
                sends[number] = .done(.failure(error))
            }
        }
    }

    mutating func decided(_ delivery: Delivery) {
        guard let number = numbers.removeValue(forKey: delivery) else { return }
        let answer = delivery.remoteState?.outcome.map(Answer.outcome) ?? .noOutcome
        delivery.settle()
        if sends[number] != nil { sends[number] = .done(.success(answer)) }
    }

    mutating func interrupted(_ error: ProtonError) {
        for number in numbers.values where sends[number] != nil { sends[number] = .done(.failure(inDoubt(error))) }
        numbers = [:]
        for number in order {
            if case .waiting(_, survivesLoss: false) = sends[number] { sends[number] = .done(.success(.notSent)) }
        }
    }

    mutating func ended(_ error: ProtonError) {
        interrupted(error)
        for number in order {
            guard case .waiting = sends[number] else { continue }
            let error = ProtonError(
                error.code, "\(error.sentence) The message was not sent.", condition: error.condition,
                underlyingError: error.underlyingError)
            sends[number] = .done(.failure(error))
        }
    }

    private func inDoubt(_ cause: ProtonError) -> ProtonError {
        ProtonError(
            .inDoubt, "\(cause.sentence) The message was sent: what became of it is in doubt.",
            condition: cause.condition, underlyingError: cause)
    }
}

extension ProtonError {
    /// The message as a sentence that another one can follow.
    fileprivate var sentence: String { message.hasSuffix(".") ? message : "\(message)." }
}
