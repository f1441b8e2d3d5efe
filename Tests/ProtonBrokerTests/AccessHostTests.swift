// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import Testing

@testable import ProtonBroker

struct AccessHostTests {
    @Test(arguments: [
        ("127.0.0.1:5672", true, "127.0.0.1"), ("127.255.0.3:1", true, "127.255.0.3"), ("[::1]:5672", true, "::1"),
        ("[::ffff:127.0.0.1]:5672", true, "127.0.0.1"), ("10.0.0.1:5672", false, "10.0.0.1"),
        ("128.0.0.1:1", false, "128.0.0.1"), ("0.0.0.0:5672", false, "0.0.0.0"), ("[::]:5672", false, "::"),
        ("[::2]:5672", false, "::2"), ("[fe80::1%eth0]:5672", false, "fe80::1"),
        ("[::ffff:10.0.0.1]:5672", false, "10.0.0.1"), ("[1::1]:5672", false, "1::1"),
    ]) func aHostIsThisMachineOrAnother(address: String, isLoopback: Bool, text: String) throws {
        let host = try #require(PeerHost(address))
        #expect(host.isLoopback == isLoopback && host.description == text)
    }

    @Test(arguments: ["", "localhost:5672", "127.0.0.1", ":1", "[]:1", "[::1:5672", "127.1:1", "127.0.0.1.evil:1"])
    func otherTextIsNoHost(text: String) {
        #expect(PeerHost(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.1:1", "10.0.0.1:2", true), ("10.0.0.1:1", "10.0.0.2:1", false),
        ("[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true), ("[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false),
        ("10.0.0.1:1", "[::ffff:10.0.0.1]:9", true), ("[::1]:1", "[::2]:1", false),
    ]) func hostsAreTold(first: String, second: String, isSame: Bool) throws {
        let (first, second) = (try #require(PeerHost(first)), try #require(PeerHost(second)))
        #expect((first == second) == isSame)
        #expect(Set([first, second]).count == (isSame ? 1 : 2))
    }

    @Test(arguments: [
        (nil as String?, true, nil as String?), ("alice", true, "alice"), ("alice", false, nil),
        ("anonymous", true, nil), ("", true, nil),
    ]) func aPeerIsWhomSASLHasFound(user: String?, isAuthenticated: Bool, name: String?) {
        let principal = Principal(user: user, isAuthenticated: isAuthenticated)
        #expect(principal.user?.text == name && principal.name == name ?? "anonymous")
    }

    @Test(arguments: [
        (Allowance.onLoopback, true, true), (.onLoopback, false, false), (.never, true, false),
        (.never, false, false), (.everywhere, true, true), (.everywhere, false, true),
    ]) func anonymousPeersAreTakenFromWhereTheyMay(policy: Allowance, isLocal: Bool, isTaken: Bool) throws {
        let admission = PeerAdmission(anonymous: policy, limits: PeerLimits())
        var condition: Condition?
        do throws(ConditionError) {
            try admission.check(.anonymous, isLocal: isLocal)
        } catch {
            condition = error.condition
        }
        #expect((condition == nil) == isTaken)
        #expect(condition.map { $0.name == .unauthorizedAccess } ?? true)
        try admission.check(.user(UserName("alice")), isLocal: isLocal)
    }

    @Test(arguments: [
        (["127.0.0.1:5672"], [] as [String], false, Allowance.onLoopback, nil as String?),
        (["[::1]:5672"], [], true, .everywhere, nil),
        (
            ["0.0.0.0:5672"], [], false, .onLoopback,
            "listens for other machines on 0.0.0.0:5672: there are no users, so that peers of other machines are refused, "
                + "and those of this one are not"
        ),
        (
            ["0.0.0.0:5672"], [], false, .never,
            "listens for other machines on 0.0.0.0:5672: there are no users, so that no peer is taken at all"
        ),
        (
            ["[::]:5672", "127.0.0.1:1"], [], true, .never,
            "listens for other machines on [::]:5672: without TLS whoever is on the way reads and changes all messages"
        ),
        (
            ["0.0.0.0:5672"], ["0.0.0.0:5671"], true, .never,
            "listens for other machines on 0.0.0.0:5672, 0.0.0.0:5671: without TLS whoever is on the way reads and changes "
                + "all messages of 0.0.0.0:5672"
        ),
        ([], ["0.0.0.0:5671"], true, .never, nil),
        (
            [], ["0.0.0.0:5671"], true, .everywhere,
            "listens for other machines on 0.0.0.0:5671: whoever reaches it may use this broker without a log-in"
        ),
    ]) func whatListeningMeansIsSaid(
        plain: [String], encrypted: [String], hasUsers: Bool, anonymous: Allowance, warning: String?
    ) {
        let listeners =
            plain.map { Exposure.Listener(address: $0, hasTLS: false) }
            + encrypted.map { Exposure.Listener(address: $0, hasTLS: true) }
        #expect(Exposure(listeners: listeners, hasUsers: hasUsers, anonymous: anonymous).warning == warning)
    }

    @Test func placesAreGivenBack() throws {
        let counts = PeerCounts()
        let host = PeerCounts.Key.host(try #require(PeerHost("10.0.0.1:1")))
        var places = [counts.count(host), counts.count(host), counts.count(.user(UserName("alice")))]
        #expect(places.map(\.number) == [1, 2, 1] && counts.count == 2)
        places.removeFirst()
        places.append(counts.count(host))
        #expect(places.last?.number == 2)
        places = []
        #expect(counts.count == 0)
    }
}
