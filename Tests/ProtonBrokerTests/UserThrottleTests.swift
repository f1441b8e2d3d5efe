// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ProtonBroker

struct UserThrottleTests {
    private let alice = UserName("alice")
    private let bob = UserName("bob")
    private let far = PeerHost("10.0.0.1:1")
    private let near = PeerHost("127.0.0.1:1")

    @Test func failuresCostMoreAndMore() {
        var throttle = LoginThrottle()
        var now: Int64 = 1_000
        var waits: [Int64] = []
        for _ in 0..<10 {
            guard case .tryAfter(let wait) = throttle.admit(far, alice, at: now) else { break }
            waits.append(wait)
            now += wait
            throttle.noteFailure(far, alice, at: now)
        }
        // Each waits for the turn that the one before has kept, from when that failed.
        #expect(waits.prefix(5) == [0, 0, 0, 250, 500] && waits.last == 5_000 && waits.count == 10)
        // Others are not held up, nor is the user from elsewhere.
        #expect(throttle.admit(far, bob, at: now) == .tryAfter(0))
        #expect(throttle.admit(PeerHost("10.0.0.2:1"), alice, at: now) == .tryAfter(0))
        throttle.noteSuccess(far, alice)
        #expect(throttle.admit(far, alice, at: now) == .tryAfter(0))
    }

    @Test func manyConnectionsTryNoFasterThanOne() {
        var throttle = LoginThrottle()
        for _ in 0..<6 { throttle.noteFailure(far, alice, at: 0) }
        // They come at the same time, and before any of them has failed.
        let verdicts = (0..<100).map { _ in throttle.admit(far, alice, at: 0) }
        #expect(verdicts.prefix(3) == [.tryAfter(2_000), .tryAfter(4_000), .refuse])
        #expect(verdicts.dropFirst(2).allSatisfy { $0 == .refuse })
    }

    @Test func aHostThatTriesManyUsersIsHeldUpUnlessItIsThisMachine() {
        for (host, isHeldUp) in [(far, true), (near, false)] {
            var throttle = LoginThrottle()
            for index in 0..<30 { throttle.noteFailure(host, UserName("user \(index)"), at: 0) }
            let verdict = throttle.admit(host, bob, at: 0)
            #expect((verdict != .tryAfter(0)) == isHeldUp, "\(verdict)")
            // A log-in of one's own does not help.
            throttle.noteSuccess(host, bob)
            #expect((throttle.admit(host, bob, at: 0) != .tryAfter(0)) == isHeldUp)
        }
    }

    @Test func whatIsLongAgoIsForgottenAndTheTableIsBounded() {
        var throttle = LoginThrottle()
        for _ in 0..<9 { throttle.noteFailure(far, alice, at: 0) }
        #expect(throttle.admit(far, alice, at: LoginThrottle.memory) == .tryAfter(0))
        #expect(throttle.noteFailure(far, alice, at: LoginThrottle.memory) == 1)
        for index in 0..<20_000 {
            throttle.noteFailure(near, UserName("user \(index)"), at: 700_000 + Int64(index))
            if throttle.count > LoginThrottle.maxRecords { break }
        }
        #expect(throttle.count <= LoginThrottle.maxRecords && throttle.count > LoginThrottle.maxRecords / 2)
    }
}
