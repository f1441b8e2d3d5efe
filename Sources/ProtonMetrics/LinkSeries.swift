// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CoreMetrics
import Proton
import Synchronization

/// The metrics of the links that have the same dimensions.
final class LinkSeries: Sendable {
    /// The outcomes that the dimension `outcome` distinguishes.
    private enum Kind: String, CaseIterable {
        case accepted
        case rejected
        case released
        case modified
        case notSent = "not_sent"
        case inDoubt = "in_doubt"
        /// For settlements: a state that is not an outcome.
        case other
        /// For settlements: the message was dropped without one.
        case none

        static let ofSends: [Kind] = [.accepted, .rejected, .released, .modified, .notSent, .inDoubt]
        static let ofSettlements: [Kind] = [.accepted, .rejected, .released, .modified, .other, .none]

        init(_ outcome: Outcome) {
            switch outcome {
            case .accepted: self = .accepted
            case .rejected: self = .rejected
            case .released: self = .released
            case .modified: self = .modified
            }
        }
    }

    let sent: Counter
    let received: Counter
    let returned: Timer
    let thrown: Timer
    let answered: Timer
    private let outcomes: [Kind: Counter]
    private let settlements: [Kind: Counter]
    private let latency: Timer
    private let failedRequests: [Kind: Timer]
    private let senders: Levels
    private let receivers: Levels

    /// - Parameter prefix: the prefix of all names.
    init(_ prefix: String, _ dimensions: [(String, String)], _ factory: any MetricsFactory) {
        func counter(_ name: String, _ more: [(String, String)] = []) -> Counter {
            Counter(label: prefix + name, dimensions: dimensions + more, factory: factory)
        }
        func timer(_ name: String, _ more: [(String, String)] = []) -> Timer {
            Timer(label: prefix + name, dimensions: dimensions + more, factory: factory)
        }
        func counters(_ name: String, _ kinds: [Kind]) -> [Kind: Counter] {
            Dictionary(uniqueKeysWithValues: kinds.map { ($0, counter(name, [("outcome", $0.rawValue)])) })
        }
        (sent, received) = (counter("messages_sent_total"), counter("messages_received_total"))
        outcomes = counters("outcomes_total", Kind.ofSends)
        settlements = counters("settlements_total", Kind.ofSettlements)
        latency = timer("outcome_duration")
        returned = timer("process_duration", [("result", "returned")])
        thrown = timer("process_duration", [("result", "thrown")])
        answered = timer("request_duration", [("result", "answered")])
        failedRequests = [
            .rejected: timer("request_duration", [("result", "refused")]),
            .notSent: timer("request_duration", [("result", "not_sent")]),
            .inDoubt: timer("request_duration", [("result", "in_doubt")]),
        ]
        senders = Levels(prefix, dimensions + [("role", "sender")], factory)
        receivers = Levels(prefix, dimensions + [("role", "receiver")], factory)
    }

    func levels(of role: AMQPLinkInfo.Role) -> Levels { role == .sender ? senders : receivers }

    /// Counts the result of a message that was to be sent.
    func ended(_ result: Result<Outcome, AMQPSendError>, _ time: Duration) {
        let kind: Kind
        switch result {
        case .success(let outcome), .failure(.refused(let outcome)):
            kind = Kind(outcome)
            latency.recordNanoseconds(time.nanoseconds)
        case .failure(.notSent): kind = .notSent
        case .failure(.inDoubt): kind = .inDoubt
        }
        outcomes[kind]?.increment()
    }

    /// Counts the settlement of a message by the program.
    func settled(_ state: DeliveryState?) {
        let kind: Kind =
            switch state {
            case .outcome(let outcome), .transactional(_, let outcome?): Kind(outcome)
            case nil: .none
            default: .other
            }
        settlements[kind]?.increment()
    }

    /// The timer of requests that ended with an error.
    func requestFailed(_ error: any Error) -> Timer {
        let kind: Kind =
            switch error as? AMQPSendError {
            case .refused: .rejected
            case .inDoubt: .inDoubt
            case .notSent, nil: .notSent
            }
        return failedRequests[kind] ?? answered
    }
}

/// The gauges of credit and of unsettled and waiting messages, over all links of a role.
final class Levels: Sendable {
    private let total = Mutex(AMQPLinkLevels())
    private let credit: Gauge
    private let unsettled: Gauge
    private let waiting: Gauge

    /// - Parameter prefix: the prefix of all names.
    init(_ prefix: String, _ dimensions: [(String, String)], _ factory: any MetricsFactory) {
        func gauge(_ name: String) -> Gauge {
            Gauge(label: prefix + name, dimensions: dimensions, factory: factory)
        }
        (credit, unsettled, waiting) = (gauge("credit"), gauge("messages_unsettled"), gauge("messages_waiting"))
    }

    /// A link's levels have changed.
    func change(from old: AMQPLinkLevels, to new: AMQPLinkLevels) {
        total.withLock { total in
            total.credit += new.credit - old.credit
            total.unsettled += new.unsettled - old.unsettled
            total.waiting += new.waiting - old.waiting
            credit.record(total.credit)
            unsettled.record(total.unsettled)
            waiting.record(total.waiting)
        }
    }
}

extension Timer {
    func record(since start: ContinuousClock.Instant) {
        recordNanoseconds(start.duration(to: .now).nanoseconds)
    }
}

extension Duration {
    /// The whole nanoseconds, limited to the largest `Int64`.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, over) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || over ? .max : sum
    }
}
