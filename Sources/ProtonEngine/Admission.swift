// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Synchronization

/// Limits the connections of a listener: to its maximum, and to the file descriptors of the process.
///
/// Proton accepts a connection before this side can check it. If no descriptor is left, proton closes its listener, and then an
/// assertion fails that ends the process (epoll.c of 0.37, `listener_done`). So some descriptors are kept free.
final class Admission: Sendable {
    /// What to do with a connection that a peer has made.
    enum Verdict: Sendable {
        case serve
        /// Send the peer an error and close, if not too many connections are being refused already.
        case refuse
        /// Drop the connection at once, so that its descriptor is free again.
        case drop
    }

    /// The maximum backlog of the listener, which is the number of connections that proton accepts at a time.
    let maxBacklog: Int
    /// The maximum number of connections of this listener.
    let limit: Int
    /// The maximum number of connections of the process, including the outgoing ones.
    private let totalLimit: Int
    private let count = Atomic<Int>(0)
    private let isRefusing = Atomic<Bool>(false)

    private static let total = Atomic<Int>(0)
    /// The maximum number of connections that are being refused with an error at the same time.
    private static let maxRefusals = 8
    /// Descriptors reserved for files that the program opens later.
    private static let spare = 16

    /// - Parameter maxConnections: the maximum number of connections; nil means that only the descriptors limit it.
    init(maxConnections: Int?) {
        maxBacklog = min(4_096, max(1, Descriptors.limit / 32))
        // Several times the backlog, because more connections may arrive while the ones before are being dropped.
        let reserve = 4 * maxBacklog + Admission.maxRefusals + Admission.spare
        let others = max(0, Descriptors.openCount - Admission.total.load(ordering: .relaxed))
        totalLimit = Descriptors.limit - others - reserve
        limit = min(maxConnections ?? .max, totalLimit)
    }

    /// Whether the process has descriptors for at least one connection.
    var hasRoom: Bool { totalLimit > 0 }

    /// Decides about a connection.
    /// - Returns: the verdict, the place that the connection holds until it ends, and whether it is the first one refused since
    ///   an eighth of the places was free. Only the first one is logged, because a line for each would fill the log.
    func admit() -> (verdict: Verdict, place: Place, isFirstRefused: Bool) {
        let place = Place(of: self)
        let excess = max(place.number - limit, place.totalNumber - totalLimit)
        let verdict: Verdict = excess <= 0 ? .serve : excess <= Admission.maxRefusals ? .refuse : .drop
        if verdict != .serve { return (verdict, place, !isRefusing.exchange(true, ordering: .relaxed)) }
        if excess <= -limit / 8 { isRefusing.store(false, ordering: .relaxed) }
        return (verdict, place, false)
    }

    /// A place among the connections of the process and of the listener that accepted it; `deinit` frees the place.
    final class Place: Sendable {
        fileprivate let number: Int
        fileprivate let totalNumber: Int
        private let admission: Admission?

        /// - Parameter admission: that of the listener; nil for an outgoing connection.
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
        /// The connection is refused and will end; with the reason if it should be logged.
        case refused(String?)
    }

    /// Takes a place among a listener's connections; if there is none, the connection ends after it is accepted.
    package func admit(by listener: Listener) -> Reception {
        let (verdict, place, isFirstRefused) = listener.admission.admit()
        self.place = place
        guard verdict != .serve else { return .served }
        let reason = "There are \(listener.admission.limit) connections, as many as there may be: try again later."
        let condition = Condition(.resourceLimitExceeded, reason)
        if verdict == .refuse {
            // Proton sends both frames after the peer's protocol header.
            open()
            close(condition)
        } else {
            workQueue.add { $0.abort(condition) }
        }
        return .refused(isFirstRefused ? reason : nil)
    }
}
