// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import Proton
import ProtonTesting
import Synchronization
import Testing

@testable import ProtonBroker

/// Whom a broker takes that other machines reach. Here are no other machines: the tests say where a peer is.
struct ExposureTests {
    /// Where the next peers are.
    private final class Place: Sendable {
        let address = Mutex<String?>("10.0.0.1:5000")
    }

    private static func start(
        _ place: Place, log: LogLines = LogLines(), change: (inout BrokerOptions) -> Void = { _ in }
    ) throws -> Broker {
        var options = BrokerOptions()
        options.logger = Logger(label: "test") { _ in log }
        options.hostOfPeer = { address in PeerHost(place.address.withLock { $0 } ?? address ?? "") }
        change(&options)
        return try Broker.start(options: options)
    }

    @Test(arguments: [true, false]) func aPeerFromOutsideHasToLogIn(hasSASL: Bool) async throws {
        let (place, log) = (Place(), LogLines())
        let broker = try Self.start(place, log: log)
        defer { broker.stop() }
        let peer = try ScriptedPeer(connectingTo: broker.port)
        if hasSASL {
            try peer.send(.saslHeader, .saslInit("ANONYMOUS"))
            for kind in [PeerFrame.Kind.saslHeader, .saslMechanisms, .saslOutcome] { try peer.expect(kind) }
        }
        // What comes behind the open frame is not done.
        try peer.send(.amqpHeader, .open("x"), .begin(), .attach(sendingTo: "made"))
        try peer.expect(.amqpHeader)
        try peer.expect(.open)
        let close = try peer.expect(.close)
        #expect(close["error"].conditionName == .unauthorizedAccess)
        #expect("\(close["error"])".contains("have to log in"))
        try peer.send(.close())
        try peer.expectEnd()
        #expect(broker.status.queues.isEmpty && broker.status.connections.isEmpty)
        let line = log.lines.first { $0.contains("refused a connection") }
        #expect(line?.contains("warning refused a connection: Peers of other machines have to log in") == true)
        #expect(line?.contains(" peer=127.0.0.1:") == true)
        // One of this machine is served.
        place.address.withLock { $0 = nil }
        try broker.send("a", to: "q")
    }

    @Test func itMayBeTakenWhereTheOptionsSaySo() throws {
        let broker = try Self.start(Place()) { $0.anonymous = .everywhere }
        defer { broker.stop() }
        try broker.send("a", to: "q")
    }

    @Test func noneIsTakenWhereTheOptionsSaySo() throws {
        let place = Place()
        place.address.withLock { $0 = nil }
        let broker = try Self.start(place) { $0.anonymous = .never }
        defer { broker.stop() }
        let error = #expect(throws: ProtonError.self) { try broker.send("a", to: "q") }
        #expect(error?.condition?.name == .unauthorizedAccess)
    }

    @Test func aHostHasSoManyConnections() async throws {
        let place = Place()
        let broker = try Self.start(place) {
            $0.anonymous = .everywhere
            $0.peerLimits.connectionsPerHost = 2
        }
        defer { broker.stop() }
        let first = try FramePeer(broker, id: "first")
        let second = try FramePeer(broker, id: "second")
        try second.sync()
        let third = try ScriptedPeer(connectingTo: broker.port)
        try third.handshake()
        let close = try third.expect(.close)
        #expect(close["error"].conditionName == .resourceLimitExceeded)
        #expect("\(close["error"])".contains("Your host has 2 connections"))
        // Another host is another matter, and so is this machine.
        place.address.withLock { $0 = "10.0.0.2:5000" }
        let other = try FramePeer(broker, id: "other")
        defer { other.vanish() }
        place.address.withLock { $0 = nil }
        let own = try (0..<5).map { try FramePeer(broker, id: "own \($0)") }
        defer { withExtendedLifetime(own) {} }
        // One that has gone makes room.
        place.address.withLock { $0 = "10.0.0.1:5000" }
        first.vanish()
        third.close()
        try await broker.wait { $0.connections.count == 7 }
        let fourth = try FramePeer(broker, id: "fourth")
        try fourth.sync()
    }

    @Test func manyThatAreTooManyAreDropped() async throws {
        let broker = try Self.start(Place()) {
            $0.anonymous = .everywhere
            $0.peerLimits.connectionsPerHost = 1
        }
        defer { broker.stop() }
        let first = try FramePeer(broker, id: "first")
        // They say nothing, so that nobody is told anything: those beyond a few are gone at once.
        let others = try (0..<20).map { _ in try ScriptedPeer(connectingTo: broker.port) }
        for peer in others.suffix(11) { try peer.expectEnd() }
        try first.sync()
    }

    @Test(arguments: [(0 as Int?, nil as Int?), (nil, 0), (-1, 5)]) func aLimitIsAtLeastOne(host: Int?, user: Int?) {
        var options = BrokerOptions()
        options.peerLimits = PeerLimits(connectionsPerHost: host, connectionsPerUser: user)
        #expect(throws: ProtonError.self) { try options.validate() }
    }

    @Test func whatItMeansToListenIsInTheLog() throws {
        let log = LogLines()
        var options = BrokerOptions()
        options.logger = Logger(label: "test") { _ in log }
        let broker = try Broker("0.0.0.0:0", "127.0.0.1:0", options: options)
        #expect(
            log.lines == [
                "warning listens for other machines on \(broker.address): there are no users, so that peers of other "
                    + "machines are refused, and those of this one are not"
            ])
    }
}
