// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// What a batch brought a connection to.
enum BatchEnd {
    case none
    /// It has lost its transport, and goes on over another one.
    case parked
    /// It is over.
    case finished
}

extension Connection {
    /// Handles the events of a batch, and sees to what follows where the transport has closed.
    ///
    /// Called in the domain.
    /// - Parameters:
    ///   - first: the batch's first event; nil where there is none, since somebody has work done with the connection.
    ///   - next: takes the next event of the batch.
    /// - Returns: where that leads, and the first error of a handler.
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
                    // The rest of the batch is not for a handler that failed, but it is brought to its end.
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

    /// Whether the connection goes on over another transport; if so it is made ready for it.
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
