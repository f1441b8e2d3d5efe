// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// The state of a connection after a batch of events.
enum BatchEnd {
    case none
    /// It has lost its transport, and will use another one.
    case parked
    /// It has ended.
    case finished
}

extension Connection {
    /// Handles the events of a batch, and then ends or parks the connection if its transport has closed.
    ///
    /// Called in the domain.
    /// - Parameters:
    ///   - first: the batch's first event; nil if there is none, because only work for the connection was added.
    ///   - next: takes the next event of the batch.
    /// - Returns: the state of the connection, and the first error of a handler.
    @inline(__always)
    func handle(_ first: OpaquePointer?, _ next: () -> OpaquePointer?) -> (BatchEnd, (any Error)?) {
        var failure: (any Error)?
        var isDispatching = owner?.isDispatching ?? true
        var isClosed = false
        var event = first
        do {
            if isDispatching { try noteBatchStart() }
        } catch {
            failure = error
            isDispatching = false
        }
        while let current = event {
            let type = pn_event_type(current)
            if type == PN_TRANSPORT_CLOSED { isClosed = true }
            if isDispatching {
                do {
                    try dispatch(current, type)
                } catch {
                    // A handler that failed receives no more events of the batch, but the batch is completed.
                    failure = error
                    isDispatching = false
                }
            } else if type == PN_DELIVERY {
                dropDelivery(current)
            }
            event = next()
        }
        guard isClosed else {
            noteBatchEnd()
            return (.none, failure)
        }
        do {
            if isDispatching, try goesOn() { return (.parked, nil) }
        } catch {
            failure = failure ?? error
        }
        workQueue.move(.close { self.finish() })
        return (.finished, failure)
    }

    /// Whether the connection will use another transport; if so it is prepared for it.
    private func goesOn() throws -> Bool {
        guard try owner?.transportClosed(self) ?? false else {
            try dispatchFinal()
            return false
        }
        try dispatchFinalOfTheEnding()
        renew()
        workQueue.move(.park)
        return true
    }
}
