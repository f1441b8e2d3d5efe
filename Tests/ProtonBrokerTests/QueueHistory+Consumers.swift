// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting

@testable import ProtonBroker

/// What the consumers of a random history do.
extension QueueHistory {
    var openClients: [ConsumerID] {
        model.clients.filter(\.value.isOpen).keys.sorted { $0.index < $1.index }
    }

    mutating func join() throws(Violation) {
        guard openClients.count < 6 else { return }
        let colour = chance(40) ? Self.colours.randomElement(using: &random) : nil
        let (isBrowser, maxSize) = (chance(20), chance(15) ? 120 : Int.max)
        let maxUnsettled = chance(30) ? Int.random(in: 1...5, using: &random) : 1_000
        var selection: Selection?
        if colour != nil || isBrowser || maxSize < .max {
            selection = Selection(
                selector: colour.flatMap { try? Selector("colour = '\($0)'") }, maxMessageSize: maxSize,
                isBrowser: isBrowser)
        }
        let id = queue.state.addConsumer(selection: selection, maxUnsettled: maxUnsettled)
        try require(model.clients[id] == nil, "a consumer's number is used twice")
        model.clients[id] = QueueModel.Client(
            colour: colour, isBrowser: isBrowser, maxSize: maxSize, maxUnsettled: maxUnsettled)
        try model.check(queue.state, woken: queue.woken)
    }

    mutating func setCredit(isBlocked: Bool) throws(Violation) {
        guard let id = openClients.randomElement(using: &random) else { return }
        let most = chance(10) ? 150 : 12
        if chance(70) { model.clients[id]?.credit = .random(in: 0...most, using: &random) }
        let isDraining = chance(30)
        model.clients[id]?.isDraining = isDraining
        try tellCredit(of: id, isBlocked: isBlocked)
    }

    mutating func tellCredit(
        of id: ConsumerID, unsent: [QueueState.Outgoing] = [], isBlocked: Bool
    ) throws(Violation) {
        guard let client = model.clients[id] else { return }
        model.clients[id]?.isBlocked = isBlocked
        model.clients[id]?.isDraining = client.isDraining && client.credit > 0
        if isBlocked { queue.woken.removeAll { $0 == id } }
        try change { state, effects in
            state.setCredit(
                client.credit, of: id, unsent: unsent, isBlocked: isBlocked, isDraining: client.isDraining, &effects)
            return []
        }
    }

    mutating func pumpAll() throws(Violation) {
        while true {
            if let id = queue.woken.first {
                try pump(id)
            } else if !queue.searching.isEmpty {
                let id = queue.searching.removeFirst()
                try change {
                    $0.resumeSearch(for: id, &$1)
                    return []
                }
            } else {
                return
            }
        }
    }

    /// Does what a link does that was woken.
    /// - Parameter inParts: whether it cannot send some of what it is handed, and others come in between.
    mutating func pump(_ id: ConsumerID, inParts: Bool = false) throws(Violation) {
        queue.woken.removeAll { $0 == id }
        guard model.clients[id]?.isOpen == true else { return }
        while model.clients[id]?.isBlocked == false {
            // It is to be asked again as long as it is awake.
            queue.woken.append(id)
            var step = QueueState.NextStep.wait
            var outgoing: [QueueState.Outgoing] = []
            // It is noted before, since the change is checked against it.
            var copy = queue.state
            var effects = QueueEffects()
            try noteSending(copy.next(for: id, &outgoing, &effects), outgoing, to: id)
            outgoing = []
            try change {
                step = $0.next(for: id, &outgoing, &$1)
                return []
            }
            guard case .send = step else { return }
            try require(model.clients[id]?.credit ?? -1 >= 0, "sent beyond the credit")
            if inParts { try sendPart(of: outgoing, to: id) }
            // The socket takes no more.
            if chance(10), model.clients[id]?.isBlocked == false { return try tellCredit(of: id, isBlocked: true) }
            queue.woken.removeAll { $0 == id }
        }
    }

    private mutating func noteSending(
        _ step: QueueState.NextStep, _ outgoing: [QueueState.Outgoing], to id: ConsumerID
    ) throws(Violation) {
        // It waits from now on, if it does not send.
        if case .send = step {} else { queue.woken.removeAll { $0 == id } }
        switch step {
        case .send:
            try require(!outgoing.isEmpty, "a link sends nothing")
            for sent in outgoing {
                model.clients[id]?.credit -= 1
                if let slot = sent.slot {
                    model.clients[id]?.unsettled[slot] = sent.message.place
                } else {
                    let isNew = model.clients[id]?.seen.insert(sent.message.place).inserted ?? false
                    try require(isNew, "a browser sees a message twice")
                }
            }
        case .endDrain:
            try require(outgoing.isEmpty, "a drain ends with messages")
            model.clients[id]?.credit = 0
            model.clients[id]?.isDraining = false
        case .wait: try require(outgoing.isEmpty, "a link waits with messages")
        }
    }

    /// Sends what a link was handed, one by one: some are too large, and from one on its socket may take no more.
    private mutating func sendPart(of outgoing: [QueueState.Outgoing], to id: ConsumerID) throws(Violation) {
        for (index, sent) in outgoing.enumerated() {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1: try refuseOversized(sent, of: id)
            case 2: return try giveBack(Array(outgoing[index...]), of: id)
            case 3: try put(from: nil)
            case 4: try settle(except: id)
            default: break
            }
        }
    }

    private mutating func refuseOversized(_ sent: QueueState.Outgoing, of id: ConsumerID) throws(Violation) {
        if let slot = sent.slot { model.clients[id]?.unsettled[slot] = nil }
        model.clients[id]?.credit += 1
        model.clients[id]?.refused.insert(sent.message.place)
        try change {
            $0.refuseOversized(sent, of: id, &$1)
            return []
        }
    }

    private mutating func giveBack(_ unsent: [QueueState.Outgoing], of id: ConsumerID) throws(Violation) {
        for sent in unsent {
            model.clients[id]?.credit += 1
            if let slot = sent.slot {
                model.clients[id]?.unsettled[slot] = nil
            } else {
                model.clients[id]?.seen.remove(sent.message.place)
            }
        }
        try tellCredit(of: id, unsent: unsent, isBlocked: true)
    }

    // MARK: Outcomes

    mutating func randomOutcome() -> Outcome {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: .accepted
        case 5: .rejected(nil)
        case 6: .released
        default:
            .modified(
                deliveryFailed: chance(70), undeliverableHere: chance(30),
                annotations: chance(30) ? ["x-opt-step": .int(Int32(step))] : [:])
        }
    }

    /// A message that a consumer has and no transaction.
    mutating func randomUnsettled(except other: ConsumerID? = nil) -> (ConsumerID, Int)? {
        var all: [(ConsumerID, Int)] = []
        for id in openClients where id != other {
            guard let client = model.clients[id] else { continue }
            all += client.unsettled.keys.filter { !client.enlisted.contains($0) }.sorted().map { (id, $0) }
        }
        return all.randomElement(using: &random)
    }

    mutating func settle(except other: ConsumerID? = nil) throws(Violation) {
        guard let (id, slot) = randomUnsettled(except: other) else { return }
        let outcome = randomOutcome()
        event += " \(outcome)"
        try settle(slot, of: id, outcome, isStored: false)
    }

    mutating func settle(
        _ slot: Int, of id: ConsumerID, _ outcome: Outcome, isStored: Bool
    ) throws(Violation) {
        let ending = Set(expect(outcome, of: slot, from: id).map { [$0] } ?? [])
        try change(ending: ending) { state, effects in
            state.settle(slot, of: id, outcome, isStored: isStored, &effects)
            return []
        }
    }

    /// A client accepts several messages at once.
    mutating func acceptMany() throws(Violation) {
        guard let (id, _) = randomUnsettled(), let client = model.clients[id] else { return }
        let free = client.unsettled.keys.filter { !client.enlisted.contains($0) }.sorted()
        let slots = Array(free.shuffled(using: &random).prefix(.random(in: 1...9, using: &random)))
        let ending = Set(slots.compactMap { expect(.accepted, of: $0, from: id) })
        try change(ending: ending) {
            $0.settleAccepted(slots, of: id, &$1)
            return []
        }
    }

    /// Notes what an outcome does with a message.
    /// - Returns: its place where it ends.
    mutating func expect(_ outcome: Outcome, of slot: Int, from id: ConsumerID) -> UInt64? {
        model.clients[id]?.enlisted.remove(slot)
        guard let place = model.clients[id]?.unsettled.removeValue(forKey: slot) else { return nil }
        if model.clients[id]?.isOpen == false, model.clients[id]?.unsettled.isEmpty == true { model.clients[id] = nil }
        switch outcome {
        case .accepted, .rejected: return place
        case .released: return nil
        case .modified(let hasFailed, let isUndeliverable, _):
            if isUndeliverable { model.clients[id]?.refused.insert(place) }
            guard hasFailed else { return nil }
            model.messages[place]?.failures += 1
            let failures = model.messages[place]?.failures ?? 0
            return failures >= settings.redelivery.maxDeliveries ?? .max ? place : nil
        }
    }

    mutating func leave(_ client: ConsumerID? = nil) throws(Violation) {
        guard let id = client ?? openClients.randomElement(using: &random), let client = model.clients[id] else {
            return
        }
        let outcome: Outcome = chance(50) ? .released : .modified(deliveryFailed: true)
        queue.woken.removeAll { $0 == id }
        model.clients[id]?.isOpen = false
        var ending: Set<UInt64> = []
        for slot in client.unsettled.keys where !client.enlisted.contains(slot) {
            if let place = expect(outcome, of: slot, from: id) { ending.insert(place) }
        }
        if client.unsettled.isEmpty { model.clients[id] = nil }
        try change(ending: ending) {
            $0.removeConsumer(id, outcome, &$1)
            return []
        }
    }
}
