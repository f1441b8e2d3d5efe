// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton
import ProtonEngine
import ProtonTesting
import Synchronization
import Testing

@testable import ProtonBroker

/// The guard in front of a broker's users: delays are noted in place of being waited for.
struct UserGuardTests {
    private final class Pauses: Sendable {
        private let all = Mutex<[Duration]>([])
        var list: [Duration] { all.withLock(\.self) }

        func add(_ time: Duration) { all.withLock { $0.append(time) } }
    }

    private let clock = TestClock()
    private let pauses = Pauses()
    private let log = LogLines()

    private func makeGuard() -> GuardedUsers {
        let (queueClock, log, pauses) = (QueueClock(clock), log, pauses)
        return GuardedUsers(
            TestUsers(), queueClock, LimitLog(queueClock, logger: Logger(label: "test") { _ in log }),
            handshakeTimeout: .seconds(10), pause: { time in pauses.add(time) })
    }

    private func attempt(
        _ user: String?, from address: String = "10.0.0.1:1", _ outcome: LoginAttempt.Outcome = .wrongCredentials
    ) -> LoginAttempt {
        LoginAttempt(
            mechanism: .plain, user: user, peer: SASLPeer(address: address, isLoopback: false), outcome: outcome)
    }

    @Test func outcomesOfThoseWhoFailComeLaterAndLater() async {
        let users = makeGuard()
        for _ in 0..<7 { await users.refused(attempt("alice")) }
        #expect(
            pauses.list == [
                .milliseconds(250), .milliseconds(500), .milliseconds(1_000), .milliseconds(2_000),
            ])
        // A right one has its turn too, or else it would tell by being quick.
        await users.accepted(attempt("alice", .accepted))
        #expect(pauses.list.last == .milliseconds(4_000))
        // And is forgiven.
        await users.accepted(attempt("alice", .accepted))
        #expect(pauses.list.count == 5)
        await users.accepted(attempt("bob", .accepted))
        #expect(pauses.list.count == 5)
    }

    @Test func beyondABoundNoOutcomeComesBeforeTheDeadline() async {
        let users = makeGuard()
        for _ in 0..<20 { await users.refused(attempt("alice")) }
        await users.accepted(attempt("alice", .accepted))
        #expect(pauses.list.last == .seconds(11))
    }

    @Test func whatCouldNotBeCheckedDoesNotCount() async {
        let users = makeGuard()
        for _ in 0..<9 { await users.refused(attempt(nil, .unavailable)) }
        #expect(pauses.list.isEmpty)
    }

    @Test func theLogSaysWhoAndHowOften() async {
        let users = makeGuard()
        for _ in 0..<3 { await users.refused(attempt("al\u{1b}[2Jice")) }
        clock.advance(by: .seconds(11))
        await users.refused(attempt(nil, .malformed))
        #expect(
            log.lines == [
                "warning refused a log-in: 'al\\u{1B}[2Jice': wrong user or password (PLAIN) peer=10.0.0.1:1",
                "warning refused a log-in: '': its messages are malformed (PLAIN) alike=2 peer=10.0.0.1:1",
            ])
    }

    @Test func nobodyIsCalledAnonymous() async throws {
        let users = makeGuard()
        #expect(try await !users.verify(PasswordLogin(user: "anonymous", password: "suomynona")))
        #expect(try await users.verify(PasswordLogin(user: "alice", password: "ecila")))
        #expect(try await !users.admits(certificateUser: "anonymous"))
        #expect(try await !users.permits("alice", toActAs: "anonymous"))
    }
}
