// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// Senders and receivers in Swift and in Python, through a broker in Swift and one in Python.
@Suite(.serialized)
struct BrokerPairTests {
    /// Everyone with everyone.
    static let triples = Language.allCases.flatMap { broker in
        Language.allCases.flatMap { sender in Language.allCases.map { (broker, sender, $0) } }
    }

    @Test("simple_send to simple_recv, with their defaults", arguments: triples)
    func sendAndReceive(broker: Language, sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let recv = try programs.start(receiver, "simple_recv", "-a", "\(address)/examples")
            let send = try programs.start(sender, "simple_send", "-a", "\(address)/examples")
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(100))
        }
    }

    @Test("Messages wait in the broker for a receiver that comes later", arguments: triples)
    func sendThenReceive(broker: Language, sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let url = "amqp://\(address)/later"
            try await expectSuccess(try programs.start(sender, "simple_send", "--address", url, "-m", "7"), confirmed)
            let recv = try programs.start(receiver, "simple_recv", "--address", url, "--messages", "7")
            try await expectSuccess(recv, sequence(7))
        }
    }

    @Test("Many messages arrive, all and in order", arguments: [(Language.swift, Language.swift), (.swift, .python)])
    func many(sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let recv = try programs.start(receiver, "simple_recv", "-a", "\(address)/many", "-m", "5000")
            let send = try programs.start(sender, "simple_send", "-a", "\(address)/many", "-m", "5000")
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(5_000))
        }
    }

    @Test("helloworld", arguments: Language.allCases, Language.allCases)
    func helloWorld(broker: Language, program: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let helloWorld =
                switch program {
                case .swift: try programs.start(.swift, "helloworld", address)
                case .python: try programs.startPythonHelloWorld(address)
                }
            try await expectSuccess(helloWorld, "Hello World!\n")
        }
    }
}
