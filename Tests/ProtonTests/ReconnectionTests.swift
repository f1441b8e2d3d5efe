// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonUtilities
import Testing

@testable import Proton

/// How a connection is made, and made again: every state and event, and the order of URLs and waits.
struct ReconnectionTests {
    private static let start = ContinuousClock.now
    private static let named = AMQPURL(host: "broker.example")
    private static let backoff = Backoff(initial: .milliseconds(100), maxTries: 3, jitter: 0)

    /// A machine, the time, and what it answered last.
    private struct Run {
        var machine: Reconnection
        var now = start
        var effect = Reconnection.Effect.none

        init(_ urls: [AMQPURL] = [named], reconnect: Backoff? = backoff, policy: ReconnectPolicy = .transient) {
            machine = Reconnection(urls, ConnectionOptions(reconnect: reconnect, reconnectPolicy: policy))
        }

        mutating func tell(_ events: Reconnection.Event...) {
            for event in events { effect = machine.handle(event, at: now, chance: 0) }
        }
    }

    // MARK: The table

    /// Each state, and the events that lead to it.
    private static let states: KeyValuePairs<String, [Reconnection.Event]> = [
        "idle": [],
        "lookingUp": [.begin],
        "connecting": [.begin, .found(["1.1.1.1:1"], of: named)],
        "connecting, another address": [.begin, .found(["1.1.1.1:1", "2.2.2.2:2"], of: named)],
        "open": [.begin, .found(["1.1.1.1:1", "2.2.2.2:2"], of: named), .opened],
        "waiting": [.begin, .found(["1.1.1.1:1"], of: named), unreached],
        "waiting, another address": [.begin, .found(["1.1.1.1:1", "2.2.2.2:2"], of: named), unreached],
        "over": [.begin, .closed],
    ]
    private static let unreached = Reconnection.Event.lost(
        .init(error: ProtonError(.connectFailed, ""), wasReached: false))
    private static let reached = Reconnection.Event.lost(.init(error: ProtonError(.disconnected, ""), wasReached: true))
    private static let refused = Reconnection.Event.lost(
        .init(error: ProtonError(.authenticationFailed, ""), wasReached: true))
    private static let events: KeyValuePairs<String, Reconnection.Event> = [
        "begin": .begin,
        "found": .found(["3.3.3.3:3", "4.4.4.4:4"], of: named),
        "found, of another": .found(["5.5.5.5:5"], of: AMQPURL(host: "other.example")),
        "not found": .notFound(named, reason: "unknown"),
        "opened": .opened,
        "unreached": unreached,
        "lost": reached,
        "refused": refused,
        "waited": .waited,
        "closed": .closed,
    ]

    /// What an event does to a state; all others do nothing.
    private static let table: [String: [String: (state: String, effect: String)]] = [
        "idle": ["begin": ("looking up broker.example", "look up broker.example")],
        "lookingUp": [
            "found": ("connecting to 3.3.3.3:3, then 4.4.4.4:4", "connect to 3.3.3.3:3, others follow"),
            "not found": ("looking up broker.example", "fail"),
            "unreached": ("waiting", "wait 100 ms"), "lost": ("waiting", "wait 100 ms"), "refused": ("over", "give up"),
        ],
        "connecting": [
            "opened": ("open to 1.1.1.1:1", "none"), "unreached": ("waiting", "wait 100 ms"),
            "lost": ("waiting", "wait 100 ms"), "refused": ("over", "give up"),
        ],
        "connecting, another address": [
            "opened": ("open to 1.1.1.1:1", "none"), "unreached": ("waiting for 2.2.2.2:2", "wait 0 ms"),
            "lost": ("waiting", "wait 100 ms"), "refused": ("over", "give up"),
        ],
        "open": [
            "unreached": ("waiting", "wait 100 ms"), "lost": ("waiting", "wait 100 ms"), "refused": ("over", "give up"),
        ],
        "waiting": ["waited": ("looking up broker.example", "look up broker.example")],
        "waiting, another address": ["waited": ("connecting to 2.2.2.2:2", "connect to 2.2.2.2:2")],
        "over": [:],
    ]

    @Test func everyEventInEveryState() throws {
        #expect(Set(Self.table.keys) == Set(Self.states.map(\.key)))
        for (name, way) in Self.states {
            for (event, value) in Self.events {
                var run = Run()
                for step in way { run.tell(step) }
                let before = Self.text(run.machine.state)
                run.tell(value)
                let expected =
                    Self.table[name]?[event]
                    ?? (event == "closed" && name != "over" ? ("over", "end") : (before, "none"))
                #expect(Self.text(run.machine.state) == expected.state, "\(event) while \(name)")
                #expect(Self.text(run.effect) == expected.effect, "\(event) while \(name)")
            }
        }
    }

    private static func text(_ state: Reconnection.State) -> String {
        switch state {
        case .idle: "idle"
        case .lookingUp(let url): "looking up \(url.host)"
        case .connecting(let candidate, let others):
            "connecting to \(candidate.address)" + others.map { ", then \($0)" }.joined()
        case .open(let candidate): "open to \(candidate.address)"
        case .waiting(let addresses): "waiting" + addresses.map { " for \($0)" }.joined()
        case .over: "over"
        }
    }

    private static func text(_ effect: Reconnection.Effect) -> String {
        switch effect {
        case .none: "none"
        case .lookUp(let url): "look up \(url.host)"
        case .connect(let candidate, let othersFollow):
            "connect to \(candidate.address)" + (othersFollow ? ", others follow" : "")
        case .fail: "fail"
        case .wait(let delay): "wait \(delay.milliseconds) ms"
        case .end(let isGivenUp): isGivenUp ? "give up" : "end"
        }
    }

    // MARK: What a try is made with

    @Test func everyAddressOfAHostIsTriedWithTheCredentials() throws {
        var run = Run([try AMQPURL("amqp://user:secret@broker.example")])
        let url = run.machine.url
        run.tell(.begin, .found(["1.1.1.1:5672", "2.2.2.2:5672"], of: url))
        for address in ["1.1.1.1:5672", "2.2.2.2:5672"] {
            guard case .connect(let candidate, _) = run.effect else { throw TestError("\(run.effect)") }
            #expect(candidate.address == address && candidate.hostname == "broker.example")
            #expect(candidate.user == "user" && candidate.password == "secret")
            run.tell(Self.unreached, .waited)
        }
    }

    @Test func theURLsCredentialsWinOverTheOptions() throws {
        var options = ConnectionOptions(user: "other", password: "hidden", virtualHost: "")
        options.reconnect = nil
        var machine = Reconnection([try AMQPURL("amqp://user@127.0.0.1")], options)
        guard case .connect(let candidate, _) = machine.handle(.begin, at: Self.start, chance: 0) else {
            throw TestError("It does not connect.")
        }
        #expect(candidate.user == "user" && candidate.password == "hidden" && candidate.hostname == nil)
    }

    // MARK: URLs and waits

    /// What follows losses one after another: the URL of each try and the wait before it in milliseconds.
    private static func walk(_ backoff: Backoff?, urls: Int, lasting: [Bool]) -> [String] {
        var run = Run((1...urls).map { AMQPURL(host: "127.0.0.\($0)") }, reconnect: backoff)
        run.tell(.begin)
        return lasting.map { lasts in
            if lasts {
                run.tell(.opened)
                run.now = run.now.advanced(by: .seconds(1))
            }
            run.tell(Self.reached)
            guard case .wait(let delay) = run.effect else { return "end" }
            run.tell(.waited)
            return "\(run.machine.urlIndex)@\(delay.milliseconds)"
        }
    }

    @Test func allURLsAreTriedBeforeAWait() {
        let fails = Array(repeating: false, count: 6)
        #expect(Self.walk(Self.backoff, urls: 2, lasting: fails) == ["1@0", "0@100", "1@0", "0@200", "1@0", "end"])
        let waits = Self.walk(Backoff(jitter: 0), urls: 1, lasting: Array(fails.prefix(3)))
        #expect(waits == ["0@100", "0@200", "0@400"])
    }

    @Test func withoutReconnectEachURLIsTriedOnce() {
        #expect(Self.walk(nil, urls: 3, lasting: [false, false, false]) == ["1@0", "2@0", "end"])
        #expect(Self.walk(nil, urls: 3, lasting: [true]) == ["end"])
    }

    @Test func theLossOfAConnectionThatWasUsedBeginsAnew() {
        let waits = Self.walk(Backoff(jitter: 0), urls: 2, lasting: [false, false, true, false, false])
        #expect(waits == ["1@0", "0@100", "0@0", "1@0", "0@100"])
    }

    @Test func aConnectionThatIsDroppedAtOnceIsAFailedTry() {
        var run = Run(reconnect: Backoff(jitter: 0))
        run.tell(.begin, .found(["1.1.1.1:1"], of: Self.named), .opened, Self.reached)
        #expect(run.effect == .wait(.milliseconds(100)))
    }

    @Test func allURLsHaveTheirTryBeforeTheTimeCounts() {
        let backoff = Backoff(initial: .seconds(1), factor: 1, maxTime: .zero, jitter: 0)
        var run = Run([AMQPURL(host: "127.0.0.1"), AMQPURL(host: "127.0.0.2")], reconnect: backoff)
        run.tell(.begin)
        run.now = run.now.advanced(by: .seconds(20))
        run.tell(Self.unreached)
        #expect(run.effect == .wait(.zero))
        run.tell(.waited, Self.unreached)
        #expect(run.effect == .end(isGivenUp: true))
    }

    // MARK: Changes

    @Test func whatTheProgramChangesCountsForTheNextTry() throws {
        let second = AMQPURL(host: "127.0.0.2")
        for way in [[], [.begin], [.begin, .found(["1.1.1.1:1", "2.2.2.2:2"], of: Self.named)]]
            as [[Reconnection.Event]]
        {
            var run = Run()
            for event in way { run.tell(event) }
            try run.machine.change(urls: [second]) { $0.user = "other" }
            if way.isEmpty { run.tell(.begin) }
            if way.count == 1 { run.tell(.found(["3.3.3.3:3"], of: Self.named)) }
            if way.count == 2 { run.tell(Self.unreached, .waited) }
            guard case .connect(let candidate, _) = run.effect else { throw TestError("\(run.effect)") }
            #expect(candidate.url == second && candidate.user == "other")
        }
    }

    @Test func aFinalErrorIsTriedAgainOnceSomethingHasChanged() throws {
        var run = Run()
        run.tell(.begin, .found(["1.1.1.1:1"], of: Self.named))
        try run.machine.change(urls: nil) { $0.password = "right" }
        run.tell(Self.refused)
        #expect(run.effect == .wait(.milliseconds(100)))
        run.tell(.waited, .found(["1.1.1.1:1"], of: Self.named), Self.refused)
        #expect(run.effect == .end(isGivenUp: true))
    }

    // MARK: What is final

    @Test func whatCanGetBetterIsTriedAgain() {
        let closes: KeyValuePairs<Symbol, Bool> = [
            .connectionForced: true, .internalError: true, .resourceLimitExceeded: true, .resourceLocked: true,
            "com.microsoft:server-busy": true, .unauthorizedAccess: false, .notFound: false, .notAllowed: false,
            .invalidField: false, .framingError: false, .connectionRedirect: false, .decodeError: false,
        ]
        for (condition, isRetried) in closes {
            let error = ProtonError(.connectionError, "", condition: Condition(condition))
            #expect(ReconnectPolicy.transient.triesAgain(after: error) == isRetried, "\(condition)")
            #expect(ReconnectPolicy.always.triesAgain(after: error))
        }
        let codes: [(ProtonError.Code, Bool)] = [
            (.connectFailed, true), (.disconnected, true), (.timedOut, true), (.authenticationFailed, false),
            (.protocolMismatch, false),
        ]
        for (code, isRetried) in codes {
            #expect(ReconnectPolicy.transient.triesAgain(after: ProtonError(code, "")) == isRetried, "\(code)")
        }
    }

    @Test func aProgramMayReplaceThePolicy() {
        let never = ReconnectPolicy { _ in false }
        var run = Run(policy: never)
        run.tell(.begin, .found(["1.1.1.1:1"], of: Self.named), Self.reached)
        #expect(run.effect == .end(isGivenUp: true))
    }

    @Test func aProspectChangesNothing() {
        var run = Run(reconnect: Backoff(maxTries: 1))
        run.tell(.begin, .found(["1.1.1.1:1"], of: Self.named))
        let loss = Reconnection.Loss(error: ProtonError(.disconnected, ""), wasReached: true)
        let refusal = Reconnection.Loss(error: ProtonError(.authenticationFailed, ""), wasReached: true)
        #expect(run.machine.prospect(after: loss, at: run.now) == .givingUp)
        #expect(run.machine.prospect(after: refusal, at: run.now) == .end)
        #expect(run.machine.state == .connecting(candidate(of: run), others: []) && run.machine.failedRounds == 0)
        #expect(Run(reconnect: Self.backoff).machine.state == .idle)
    }

    private func candidate(of run: Run) -> Reconnection.Candidate {
        Reconnection.Candidate(
            url: run.machine.url, address: "1.1.1.1:1", hostname: "broker.example", user: nil, password: nil)
    }
}
