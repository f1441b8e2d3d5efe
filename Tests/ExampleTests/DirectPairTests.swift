// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// Senders and receivers in Swift and in Python that talk to each other without a broker.
@Suite(.serialized)
struct DirectPairTests {
    /// Swift on one side at least.
    static let pairs: [(sender: Language, receiver: Language)] = [
        (.swift, .swift), (.swift, .python), (.python, .swift),
    ]

    @Test("simple_send to direct_recv", arguments: pairs)
    func toListener(sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let recv = try programs.start(receiver, "direct_recv", "-a", address)
            try await recv.waitUntilListening(on: address)
            let send = try programs.start(sender, "simple_send", "-a", "\(address)/examples")
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(100))
        }
    }

    @Test("direct_send to simple_recv", arguments: pairs)
    func fromListener(sender: Language, receiver: Language) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(sender, "direct_send", "-a", address, "-m", "250")
            try await send.waitUntilListening(on: address)
            let recv = try programs.start(receiver, "simple_recv", "-a", "\(address)/examples", "-m", "250")
            try await expectSuccess(send, confirmed)
            try await expectSuccess(recv, sequence(250))
        }
    }

    @Test("helloworld_direct")
    func helloWorldDirect() async throws {
        try await withPrograms { programs in
            let program = try programs.start(.swift, "helloworld_direct", "\(try freeAddress())/examples")
            try await expectSuccess(program, "Hello World!\n")
        }
    }

    @Test("direct_recv takes messages from one sender after the other")
    func twoSenders() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let recv = try programs.start(.swift, "direct_recv", "-a", address, "-m", "3")
            try await recv.waitUntilListening(on: address)
            try await expectSuccess(
                try programs.start(.python, "simple_send", "-a", "\(address)/a", "-m", "1"), confirmed)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/a", "-m", "2"), confirmed)
            try await expectSuccess(recv, "{'sequence': 1}\n" + "{'sequence': 1}\n{'sequence': 2}\n")
        }
    }
}
