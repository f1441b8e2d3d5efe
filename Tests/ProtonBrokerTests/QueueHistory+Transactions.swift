// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting

@testable import ProtonBroker

/// What the transaction of a random history does.
extension QueueHistory {
    mutating func enlist() {
        guard let (id, slot) = randomUnsettled() else { return }
        _ = queue.state.enlist(slot, of: id)
        model.clients[id]?.enlisted.insert(slot)
        retirements.append(
            Retirement(client: id, slot: slot, outcome: randomOutcome(), isSettled: .random(using: &random)))
    }

    mutating func reserve() throws(Violation) {
        let bytes = makeMessage().bytes
        var copy = queue.state
        var effects = QueueEffects()
        if copy.reserve(bytes, from: nil, &effects).refusal == nil { model.reserved.append(bytes) }
        try change(mayDrop: settings.limits.policy == .dropOldest) { state, effects in
            _ = state.reserve(bytes, from: nil, &effects)
            return []
        }
    }

    mutating func commit() throws(Violation) {
        var effects = QueueEffects()
        var prepared: [PreparedMessage] = []
        for bytes in model.reserved {
            let message = queue.state.prepare(bytes, &effects)
            prepared.append(message)
            model.prepared[message.message.place] = message.message.memory
        }
        model.reserved = []
        var group = effects.more?.changes ?? []
        for retirement in retirements {
            let change = queue.state.change(for: retirement.slot, of: retirement.client, retirement.outcome)
            guard let change else { continue }
            group.append(change)
            if let place = model.clients[retirement.client]?.unsettled[retirement.slot] { model.removing.insert(place) }
        }
        try model.write(group)
        commits.append(Commit(prepared: prepared, retirements: retirements))
        retirements = []
        try model.check(queue.state, woken: queue.woken)
    }

    mutating func takeEffect(_ commit: Commit) throws(Violation) {
        for message in commit.prepared {
            model.prepared[message.message.place] = nil
            let expiry = message.prefix.timeToLive.map { queue.state.clock.now + Int64($0) }
            let colour = (try? Message(decoding: message.message.bytes))?.properties["colour"]?.stringValue ?? ""
            model.messages[message.message.place] = QueueModel.Known(
                colour: colour, size: message.message.bytes.count, isDurable: message.message.isStored, expiry: expiry)
            try change {
                $0.insertPrepared(message, &$1)
                return []
            }
        }
        for retirement in commit.retirements {
            if let place = model.clients[retirement.client]?.unsettled[retirement.slot] { model.removing.remove(place) }
            let isStored = retirement.outcome == .accepted
            try settle(retirement.slot, of: retirement.client, retirement.outcome, isStored: isStored)
        }
    }

    mutating func rollBack() throws(Violation) {
        while let bytes = model.reserved.popLast() {
            try change {
                $0.unreserve(bytes, &$1)
                return []
            }
        }
        while let retirement = retirements.popLast() {
            let (id, slot) = (retirement.client, retirement.slot)
            let outcome: Outcome? = retirement.isSettled ? .modified(deliveryFailed: true) : nil
            let isOpen = model.clients[id]?.isOpen == true
            model.clients[id]?.enlisted.remove(slot)
            let effective = outcome ?? (isOpen ? nil : .modified(deliveryFailed: true))
            let place = effective.flatMap { expect($0, of: slot, from: id) }
            try change(ending: Set(place.map { [$0] } ?? [])) {
                $0.delist(slot, of: id, outcome, &$1)
                return []
            }
        }
    }
}
