// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonTesting
import Testing

@testable import ProtonBroker

/// Random clients of one queue, over links in memory: credit that is taken away, sockets that block, links that end in the
/// middle, links that are stolen. The argument is the seed.
struct LinkModelTests {
    @Test(arguments: 0..<16 as Range<UInt64>) func losesNothingAndDoublesNothing(seed: UInt64) throws {
        var history = try LinkHistory(seed: seed)
        do {
            for step in 0..<300 {
                history.step = step
                try history.takeStep()
            }
            try history.finish()
        } catch {
            Issue.record("seed \(seed), step \(history.step): \(error)")
        }
    }

    /// What was ready for a consumer that sets its credit to 0 is for others.
    @Test func messagesOfAConsumerWithoutCreditGoToOthers() throws {
        var history = try LinkHistory(seed: 1)
        try history.produce(400)
        try history.expectAllReachOne()
    }

    /// What its socket did not take of a batch a browser sees later.
    @Test func aBrowserThatDoesNotReadForAWhileSeesAll() throws {
        var history = try LinkHistory(seed: 0)
        try history.produce(300)
        try history.expectABrowserSeesAll()
        try history.finish()
    }
}

/// A broker in memory, peers that do anything, and what they have accepted.
struct LinkHistory {
    var step = 0
    private let broker: InMemoryBroker
    private let producer: MemoryPeer
    private var peers: [MemoryPeer] = []
    private var random: SplitMix
    private var sent = 0
    private var accepted: Set<String> = []
    private var peerCount = 0

    init(seed: UInt64) throws {
        random = SplitMix(state: seed)
        var options = BrokerOptions()
        if seed % 2 == 1 { options.maxUnsettled = 20 }
        options.redelivery.delay = .zero
        broker = try InMemoryBroker(options, clock: TestClock())
        producer = try MemoryPeer(broker, id: "producer")
        try producer.attachSender("q")
        for _ in 0..<3 { try connect() }
        try run()
    }

    private mutating func connect() throws {
        peerCount += 1
        // Two of the peers have one name, and steal each other's links.
        let peer = try MemoryPeer(broker, id: peerCount % 2 == 0 ? "twin" : "peer-\(peerCount)")
        peers.append(peer)
        try peer.attach("q", name: "link")
    }

    private func run() throws {
        var isMoving = true
        while isMoving {
            isMoving = try broker.turn()
            for peer in peers + [producer] where try peer.turn() { isMoving = true }
        }
    }

    private mutating func randomLink() -> (MemoryPeer, UInt32)? {
        let all = peers.flatMap { peer in peer.links.keys.sorted().map { (peer, $0) } }
        return all.randomElement(using: &random)
    }

    /// As many messages as there is credit for, of a size that soon fills a socket.
    mutating func produce(_ count: Int) throws {
        for _ in 0..<count {
            if producer.sendCredit == 0 { try run() }
            guard producer.sendCredit > 0 else { return }
            try producer.send(Message(body: String(repeating: "x", count: 1_000), subject: "\(sent)"))
            sent += 1
        }
    }

    mutating func takeStep() throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5: try produce(.random(in: 1...30, using: &random))
        case 5..<9:
            guard let (peer, handle) = randomLink() else { break }
            let credit = [0, 0, 1, 10, 100].randomElement(using: &random) ?? 0
            try peer.flow(handle, credit: UInt32(credit), drain: Int.random(in: 0..<4, using: &random) == 0)
        case 9..<13: try settle(.random(in: 1...40, using: &random))
        case 13, 14: if let peer = peers.randomElement(using: &random) { peer.isBlocked.toggle() }
        case 15:
            guard let (peer, handle) = randomLink() else { break }
            try peer.close(handle, isClosed: .random(using: &random))
        case 16:
            // By a name of its own, or by that of a link that is there, which is stolen.
            let name = Bool.random(using: &random) ? "link" : "link-\(step)"
            guard let peer = peers.randomElement(using: &random), peer.links.count < 4 else { break }
            // Within one session, a name is a link's.
            guard !peer.hasLink(named: name) else { break }
            try peer.attach("q", name: name)
        case 17:
            guard peers.count > 1, let index = peers.indices.randomElement(using: &random) else { break }
            let peer = peers.remove(at: index)
            try peer.drop()
            broker.end(peer.connection)
        case 18: if peers.count < 5 { try connect() }
        default: if Int.random(in: 0..<4, using: &random) == 0 { try expectAllReachOne() }
        }
        // Not always to the end: some things happen at the same time.
        if Bool.random(using: &random) { try run() }
    }

    private mutating func settle(_ count: Int) throws {
        for _ in 0..<count {
            guard let (peer, handle) = randomLink(),
                let id = peer.links[handle]?.unsettled.keys.sorted().randomElement(using: &random)
            else { return }
            let outcomes: [Outcome] = [.accepted, .accepted, .released, .modified(deliveryFailed: true)]
            // One whose link may have been stolen, before it knows, accepts nothing: that would come again, as it has to.
            let isTwin = peer.containerID == "twin"
            let outcome = outcomes[(isTwin ? 2 : 0)...].randomElement(using: &random) ?? .released
            try note(outcome, try peer.settle(id, on: handle, outcome))
        }
    }

    private mutating func note(_ outcome: Outcome, _ text: String?) throws {
        guard let text, outcome == .accepted else { return }
        try require(accepted.insert(text).inserted, "message \(text) was accepted twice")
    }

    /// Whoever has credit gets all that waits, whatever others have had credit for.
    mutating func expectAllReachOne() throws {
        let reader = try MemoryPeer(broker, id: "reader-\(step)")
        peers.append(reader)
        for peer in peers where peer !== reader {
            for handle in peer.links.keys.sorted() { try peer.flow(handle, credit: 0) }
        }
        try run()
        try reader.attach("q", name: "reader")
        // As many as it may have unsettled at a time.
        while true {
            try reader.flow(1, credit: 1_000)
            try run()
            guard let unsettled = reader.links[1]?.unsettled, !unsettled.isEmpty else { break }
            for id in unsettled.keys.sorted() { try note(.accepted, try reader.settle(id, on: 1, .accepted)) }
            try run()
        }
        let waiting = broker.status.queue("q")?.waiting ?? 0
        try require(waiting == 0, "\(waiting) messages wait, and a consumer that has credit")
        try reader.close(1, isClosed: true)
        peers.removeAll { $0 === reader }
        try run()
        try reader.drop()
        broker.end(reader.connection)
    }

    /// Whoever looks at the queue sees all that waits, in order, whenever it reads.
    mutating func expectABrowserSeesAll() throws {
        try run()
        let browser = try MemoryPeer(broker, id: "browser")
        peers.append(browser)
        try browser.attach("q", name: "browser", isBrowser: true)
        try run()
        browser.isBlocked = true
        try browser.flow(1, credit: 10_000)
        try run()
        browser.isBlocked = false
        try run()
        let seen = browser.links[1]?.unsettled.sorted { $0.key < $1.key }.map(\.value) ?? []
        let waiting = broker.status.queue("q")?.waiting ?? 0
        try require(seen.count == waiting, "a browser sees \(seen.count) messages of \(waiting)")
        try require(seen == seen.sorted { Int($0) ?? 0 < Int($1) ?? 0 }, "a browser sees messages out of order")
    }

    mutating func finish() throws {
        for peer in peers {
            try peer.drop()
            broker.end(peer.connection)
        }
        peers = []
        try run()
        try expectAllReachOne()
        try require(accepted.count == sent, "\(sent - accepted.count) messages of \(sent) are lost")
        try require(broker.status.messages == 0 && broker.status.bytes == 0, "something is left")
        try producer.drop()
        broker.end(producer.connection)
    }
}
