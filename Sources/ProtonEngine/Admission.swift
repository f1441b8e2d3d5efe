// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Synchronization

/// How many connections a listener takes: as many as it may, and no more than the process has descriptors for.
///
/// Proton takes what comes before anyone can look, and once it is out of descriptors the end of its listener is the end
/// of the process: an assertion fails (epoll.c of 0.37, `listener_done`). So a part of the descriptors is kept free.
final class Admission: Sendable {
    /// What becomes of a connection that a peer has made.
    enum Verdict: Sendable {
        case serve
        /// It is told why and closed, where not too many are being told already.
        case refuse
        /// It is dropped at once, so that its descriptor is free again.
        case drop
    }

    /// How many connections may wait to be taken, which is how many proton takes at a time.
    let maxBacklog: Int
    /// How many connections this listener may have.
    let limit: Int
    /// How many connections the process may have, those that it makes included.
    private let totalLimit: Int
    private let count = Atomic<Int>(0)
    private let isRefusing = Atomic<Bool>(false)

    private static let total = Atomic<Int>(0)
    /// How many connections may be told at the same time that they are refused.
    private static let maxRefusals = 8
    /// Descriptors for what the program opens later.
    private static let spare = 16

    /// - Parameter maxConnections: how many connections there may be at once; nil leaves that to the descriptors.
    init(maxConnections: Int?) {
        maxBacklog = min(4_096, max(1, Descriptors.limit / 32))
        // Several times the backlog: more may come while the ones before are being dropped.
        let reserve = 4 * maxBacklog + Admission.maxRefusals + Admission.spare
        let others = max(0, Descriptors.openCount - Admission.total.load(ordering: .relaxed))
        totalLimit = Descriptors.limit - others - reserve
        limit = min(maxConnections ?? .max, totalLimit)
    }

    /// Whether the process has descriptors for any connection at all.
    var hasRoom: Bool { totalLimit > 0 }

    /// Decides about a connection.
    /// - Returns: the verdict, the place that the connection has until it ends, and whether it is the first that is not
    ///   served since an eighth was free: worth a line in a log, which one for each would fill.
    func admit() -> (verdict: Verdict, place: Place, isFirstRefused: Bool) {
        let place = Place(of: self)
        let excess = max(place.number - limit, place.totalNumber - totalLimit)
        let verdict: Verdict = excess <= 0 ? .serve : excess <= Admission.maxRefusals ? .refuse : .drop
        if verdict != .serve { return (verdict, place, !isRefusing.exchange(true, ordering: .relaxed)) }
        if excess <= -limit / 8 { isRefusing.store(false, ordering: .relaxed) }
        return (verdict, place, false)
    }

    /// A place among the connections of the process, and of the listener that took it, given back when it is let go.
    final class Place: Sendable {
        fileprivate let number: Int
        fileprivate let totalNumber: Int
        private let admission: Admission?

        /// - Parameter admission: the listener's; nil for a connection that this process makes.
        init(of admission: Admission?) {
            self.admission = admission
            number = admission?.count.add(1, ordering: .relaxed).newValue ?? 0
            totalNumber = Admission.total.add(1, ordering: .relaxed).newValue
        }

        deinit {
            admission?.count.subtract(1, ordering: .relaxed)
            Admission.total.subtract(1, ordering: .relaxed)
        }
    }
}

extension Connection {
    /// What a listener does with a connection.
    package enum Reception: Sendable {
        case served
        /// It is on its way to its end; with the reason, where that is news for a log.
        case refused(String?)
    }

    /// Takes a place among a listener's connections; where there is none, the connection ends once it is accepted.
    package func takePlace(of listener: Listener) -> Reception {
        let (verdict, place, isFirstRefused) = listener.admission.admit()
        self.place = place
        guard verdict != .serve else { return .served }
        let reason = "There are \(listener.admission.limit) connections, as many as there may be: try again later."
        let condition = Condition(.resourceLimitExceeded, reason)
        if verdict == .refuse {
            // Proton sends both frames once the peer has shown which protocol it speaks.
            open()
            close(condition)
        } else {
            workQueue.add { $0.abort(condition) }
        }
        return .refused(isFirstRefused ? reason : nil)
    }
}
