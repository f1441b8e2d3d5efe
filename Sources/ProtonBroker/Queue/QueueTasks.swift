// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The effects of a change other than to wake one consumer, with the links that they need: executed when the queue's lock is
/// released.
struct QueueTasks {
    private let effects: QueueEffects.More
    private let woken: [ConsumerLink]
    private let searching: [ConsumerLink]
    private let grants: [(link: ProducerLink, count: Int)]
    private let returns: [ProducerLink]

    init(_ effects: QueueEffects.More, consumers: [ConsumerLink?], producers: [ProducerLink?]) {
        self.effects = effects
        woken = effects.woken.compactMap { consumers[$0.index] }
        searching = effects.searching.compactMap { consumers[$0.index] }
        grants = effects.grants.compactMap { grant in producers[grant.producer.index].map { ($0, grant.count) } }
        returns = effects.returns.compactMap { producers[$0.index] }
    }

    func run(for queue: Queue, in context: BrokerContext) {
        for link in woken { link.wake() }
        for link in searching { link.searchLater() }
        for (link, count) in grants { link.grant(count) }
        for link in returns { link.askForUnusedCredit() }
        for (message, reason) in effects.deadLetters { context.deadLetter(message, from: queue, reason) }
        if let time = effects.wakeTime { context.schedule.wake(queue, at: time) }
        if effects.waitsForMemory { for queue in context.memory.wait(queue) { queue.resumeProducers() } }
        log(queue, context.limitLog)
    }

    private func log(_ queue: Queue, _ log: LimitLog) {
        let address = queue.subscription?.address ?? queue.address
        if effects.isCreditWithheld { log.note(.credit, "The queue is full.", address: address) }
        if effects.oversized > 0 {
            log.note(.oversize, "It is larger than the consumer takes.", address: address, count: effects.oversized)
        }
        for (reason, count) in effects.drops {
            switch reason {
            case .limit:
                let words = queue.subscription == nil ? "The queue is full." : "Its subscriber is too slow."
                log.note(.drop, words, address: address, count: count)
            case .rejected:
                log.note(.rejected, "A consumer rejected it.", address: address, count: count)
            case .deliveryLimit:
                log.note(.deliveryLimit, "Its delivery failed as often as it may.", address: address, count: count)
            // The sender has asked for that.
            case .expired: break
            }
        }
    }
}
