// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The programs that wait for what they ask for, that use threads, and that use timers.
@Suite(.serialized)
struct BlockingProgramTests {
    @Test("helloworld_blocking", arguments: Language.allCases, Language.allCases)
    func helloWorld(broker: Language, program: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let helloWorld =
                switch program {
                case .swift: try programs.start(.swift, "helloworld_blocking", address)
                case .python:
                    try programs.startPython("helloworld_blocking", replacing: "localhost:5672", with: address)
                }
            try await expectSuccess(helloWorld, "Hello World!\n")
        }
    }

    @Test("Blocking programs say why they end where nobody is there")
    func noBroker() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let message = "Cannot connect to \(address): Connection refused."
            try await expectFailure(try programs.start(.swift, "helloworld_blocking", address), message)
            try await expectFailure(try programs.start(.swift, "sync_client", "-a", "\(address)/x"), message)
            try await expectFailure(
                try programs.start(.swift, "multithreaded_client", address, "examples", "10"), message)
        }
    }

    @Test("multithreaded_client", arguments: Language.allCases)
    func threads(broker: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let client = try programs.start(.swift, "multithreaded_client", address, "examples", "50")
            let record = try await client.waitForEnd()
            let lines = record.outputText.split(separator: "\n").map(String.init)
            #expect(lines.filter { $0.hasPrefix("sent") } == (1...50).map { "sent \"\($0)\"" })
            #expect(lines.filter { $0.hasPrefix("received") } == (1...50).map { "received \"\($0)\"" })
            #expect(lines.last == "50 messages sent and received")
            #expect(lines.count == 101)
            #expect(record.errorText == "")
            #expect(record.ending == .exited(0))
        }
    }

    @Test("scheduled_send sends while its time lasts", arguments: Language.allCases)
    func scheduled(broker: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            let send = try programs.start(.swift, "scheduled_send", "-a", "\(address)/ping", "-i", "0.05", "-t", "0.4")
            let record = try await send.waitForEnd()
            let lines = record.outputText.split(separator: "\n")
            #expect((2...9).contains(lines.count))
            #expect(lines.allSatisfy { $0 == "send" })
            #expect(record.ending == .exited(0))
            let recv = try programs.start(.python, "simple_recv", "-a", "\(address)/ping", "-m", "\(lines.count)")
            try await expectSuccess(recv, String(repeating: "ping\n", count: lines.count))
        }
    }

    @Test("recurring_timer ticks until it is interrupted")
    func timer() async throws {
        try await withPrograms { programs in
            let timer = try programs.startUnbuffered("recurring_timer")
            try await timer.waitForLines(2)
            timer.send(SIGINT)
            let record = try await timer.waitForEnd()
            #expect(record.outputText.hasPrefix("Tick...\nTick...\n"))
            #expect(record.outputText.hasSuffix("Tick...\n\n"))
            #expect(record.ending == .exited(0))
        }
    }
}
