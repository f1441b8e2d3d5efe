// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine
import Testing

/// Sources and targets: every field of them, both ways.
struct TerminusTests {
    @Test func allFieldsCross() throws {
        let pair = EnginePair()
        let (receiver, sender) = try pair.openReceiver { receiver in
            let source = receiver.source
            source.address = "topic/\u{e9}"
            source.durability = .unsettledState
            source.expiryPolicy = .never
            source.timeout = 3_600
            source.distributionMode = .copy
            source.capabilities = ["topic", "shared"]
            source.filter = [
                .symbol("selector"): .described(
                    Described(descriptor: .symbol("apache.org:selector-filter:string"), value: "colour = 'green'"))
            ]
            let target = receiver.target
            target.address = "here"
            target.durability = .configuration
            target.expiryPolicy = .connectionClose
            target.timeout = 7
            target.capabilities = ["queue"]
        }
        for source in [receiver.source, sender.remoteSource, sender.source, receiver.remoteSource] {
            #expect(source.kind == .source && source.address == "topic/\u{e9}" && !source.isDynamic)
            #expect(source.durability == .unsettledState && source.expiryPolicy == .never && source.timeout == 3_600)
            #expect(source.distributionMode == .copy && source.capabilities == ["topic", "shared"])
            #expect(source.filter == receiver.source.filter && source.filter.count == 1)
            #expect(source.properties.isEmpty)
        }
        for target in [receiver.target, sender.remoteTarget, sender.target, receiver.remoteTarget] {
            #expect(target.kind == .target && target.address == "here")
            #expect(target.durability == .configuration && target.expiryPolicy == .connectionClose)
            #expect(target.timeout == 7 && target.capabilities == ["queue"] && target.filter.isEmpty)
        }
    }

    @Test func aDynamicNodeGetsAnAddress() throws {
        let pair = EnginePair()
        pair.server.events.react = { event in
            if case .link(.remoteOpen, let link) = event {
                #expect(link.remoteSource.isDynamic && link.remoteSource.address == nil)
                #expect(link.remoteSource.properties == [.symbol("lifetime-policy"): .uint(43)])
                link.source.copy(link.remoteSource)
                link.source.address = "made-1"
                link.open()
            } else {
                event.answer()
            }
        }
        pair.client.connection.open()
        let receiver = try pair.client.connection.session().makeReceiver(name: "r")
        receiver.source.isDynamic = true
        receiver.source.properties = [.symbol("lifetime-policy"): .uint(43)]
        receiver.open()
        try pair.pump()
        #expect(receiver.remoteSource.address == "made-1" && receiver.remoteSource.isDynamic)
        #expect(receiver.source.address == nil)
    }

    @Test(arguments: [
        Terminus.ExpiryPolicy.linkDetach, .sessionEnd, .connectionClose, .never,
    ])
    func expiryPolicies(_ policy: Terminus.ExpiryPolicy) throws {
        let pair = EnginePair()
        let (_, receiver) = try pair.openSender { $0.target.expiryPolicy = policy }
        #expect(receiver.remoteTarget.expiryPolicy == policy)
    }

    @Test(arguments: [Terminus.DistributionMode.unspecified, .copy, .move])
    func distributionModes(_ mode: Terminus.DistributionMode) throws {
        let pair = EnginePair()
        let (_, sender) = try pair.openReceiver { $0.source.distributionMode = mode }
        #expect(sender.remoteSource.distributionMode == mode)
    }

    @Test(arguments: [Terminus.Durability.none, .configuration, .unsettledState])
    func durabilities(_ durability: Terminus.Durability) throws {
        let pair = EnginePair()
        let (_, sender) = try pair.openReceiver { $0.source.durability = durability }
        #expect(sender.remoteSource.durability == durability)
    }

    @Test func aCoordinatorIsOne() throws {
        let pair = EnginePair()
        let (_, receiver) = try pair.openSender { sender in
            sender.target.address = nil
            sender.target.kind = .coordinator
            sender.target.capabilities = ["amqp:local-transactions"]
        }
        #expect(receiver.remoteTarget.kind == .coordinator)
        #expect(receiver.remoteTarget.capabilities == ["amqp:local-transactions"])
    }

    @Test func thePeersTerminiCannotBeSet() throws {
        let pair = EnginePair()
        let (sender, _) = try pair.openSender()
        sender.remoteTarget.address = "other"
        sender.remoteTarget.isDynamic = true
        sender.remoteTarget.copy(sender.source)
        #expect(sender.remoteTarget.address == "target" && !sender.remoteTarget.isDynamic)
    }

    @Test func aFilterThatCannotBeReadSaysWhy() throws {
        var deep = AMQPValue.list([])
        for _ in 0..<100 { deep = .list([deep]) }
        for (filter, problem) in [
            ([:], nil), ([.symbol("s"): "x"], nil), ([.symbol("s"): deep], "deeper"),
        ] as [(AMQPMap, String?)] {
            let pair = EnginePair()
            let (_, sender) = try pair.openReceiver { $0.source.filter = filter }
            #expect((sender.remoteSource.filterProblem == nil) == (problem == nil))
            #expect(sender.remoteSource.filterProblem?.contains(problem ?? "") != false)
            #expect(sender.remoteSource.filter.isEmpty == (problem != nil || filter.isEmpty))
        }
    }

    @Test func setsAreTakenBack() throws {
        let pair = EnginePair()
        let (_, receiver) = try pair.openSender { sender in
            sender.target.capabilities = ["a"]
            sender.target.capabilities = []
            sender.target.properties = [.symbol("p"): 1]
            sender.target.properties = [:]
            sender.source.address = "s"
            sender.source.address = nil
        }
        #expect(receiver.remoteTarget.capabilities.isEmpty && receiver.remoteTarget.properties.isEmpty)
        #expect(receiver.remoteSource.address == nil)
    }
}
