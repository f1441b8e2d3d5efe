// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Proton
import ProtonBroker

/// The groups that a store was given and has not written: a state machine without threads and files.
struct StoreIntake {
    typealias Report = @Sendable (StoreReport) -> Void

    /// The phases of a store.
    enum Phase {
        /// Groups wait until the store is started.
        case new
        /// Groups are written as they come.
        case running(Report)
        /// The groups up to this sequence number are written; later ones are dropped.
        case closing(Report?, last: UInt64)
        /// The file is closed; with an error where not everything was written.
        case closed(ProtonError?)
    }

    /// What the writing thread does next.
    enum Step {
        /// Writes a batch, which holds the groups up to this sequence number.
        case write(StoreBatch, upTo: UInt64)
        /// Closes the file.
        case close
    }

    private(set) var phase = Phase.new
    /// The groups that are not with the writing thread.
    private var pending = StoreBatch()
    /// The sequence number of the last group.
    private(set) var last: UInt64 = 0
    /// The sequence number up to which the groups are durable.
    private(set) var durable: UInt64 = 0
    /// Whether the writing thread waits for a group.
    private var isWriterWaiting = false

    // MARK: The broker

    /// Takes a group.
    /// - Returns: its sequence number, and whether the writing thread has to be woken.
    mutating func append(_ group: [StoreChange]) -> (result: UInt64, wakes: Bool) {
        last += 1
        switch phase {
        case .new, .running: pending.append(group)
        case .closing, .closed: return (last, false)
        }
        defer { isWriterWaiting = false }
        return (last, isWriterWaiting)
    }

    /// Lets groups be written from now on.
    mutating func start(_ report: @escaping Report) throws(ProtonError) {
        guard case .new = phase else {
            throw ProtonError(.storeFailed, "The store has been started or closed before: open it again.")
        }
        phase = .running(report)
    }

    /// Lets the groups that are there be written, and no later ones.
    mutating func close() {
        switch phase {
        case .new: phase = .closing(nil, last: last)
        case .running(let report): phase = .closing(report, last: last)
        case .closing, .closed: break
        }
    }

    // MARK: The writing thread

    /// The next step; nil where the thread has to wait.
    mutating func next() -> Step? {
        switch phase {
        case .new, .closed: return nil
        case .running:
            isWriterWaiting = durable == last
            return isWriterWaiting ? nil : take(upTo: last)
        case .closing(_, let end): return durable == end ? .close : take(upTo: end)
        }
    }

    private mutating func take(upTo number: UInt64) -> Step {
        defer { pending = StoreBatch() }
        return .write(pending, upTo: number)
    }

    /// Takes note that a batch is written.
    /// - Returns: whom to report it to.
    mutating func noteWritten(upTo number: UInt64) -> Report? {
        durable = number
        return report
    }

    /// Takes back a batch that could not be written: the next one begins with it.
    mutating func noteFailure(_ batch: StoreBatch) {
        var batch = batch
        batch.appendAfterFailure(pending)
        pending = batch
    }

    /// How many changes are not with the writing thread, and not in the store.
    var unwritten: Int { pending.count }

    /// Whom to report to; nil where the store was not started.
    var report: Report? {
        switch phase {
        case .running(let report): report
        case .closing(let report, _): report
        case .new, .closed: nil
        }
    }

    /// Whether the store is to be closed.
    var isClosing: Bool {
        if case .closing = phase { true } else { false }
    }

    /// The file is closed; with an error where not everything was written.
    mutating func end(_ error: ProtonError?) {
        phase = .closed(error)
        pending = StoreBatch()
    }

    /// How the store was closed; nil where it is not.
    var ending: Result<Void, ProtonError>? {
        guard case .closed(let error) = phase else { return nil }
        return error.map { .failure($0) } ?? .success(())
    }
}

#endif
