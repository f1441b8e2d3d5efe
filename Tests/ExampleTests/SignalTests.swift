// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// SIGINT and SIGTERM end each program gracefully: what it has printed is written out, and its exit code is 0.
@Suite(.serialized)
struct SignalTests {
    static let signals = [SIGINT, SIGTERM]

    @Test("broker, which nobody has connected to", arguments: signals)
    func broker(signal: Int32) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(.swift)
            broker.send(signal)
            try await expectSuccess(broker, "listening on \(address)\n")
        }
    }

    @Test("simple_recv that waits for more", arguments: signals, Language.allCases)
    func simpleRecv(signal: Int32, broker: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(broker)
            try await expectSuccess(
                try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "5"), confirmed)
            let recv = try programs.startUnbuffered("simple_recv", "-a", "\(address)/examples", "-m", "0")
            try await recv.waitForLines(5)
            recv.send(signal)
            try await expectSuccess(recv, sequence(5))
        }
    }

    @Test("simple_send that is sending", arguments: signals)
    func simpleSend(signal: Int32) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let send = try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "100000000")
            let recv = try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "10")
            try await expectSuccess(recv, sequence(10))
            send.send(signal)
            try await expectSuccess(send, "")
        }
    }

    @Test("direct_recv, which has received a few messages", arguments: signals)
    func directRecv(signal: Int32) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let recv = try programs.start(.swift, "direct_recv", "-a", address, "-m", "0")
            try await recv.waitUntilListening(on: address)
            try await expectSuccess(
                try programs.start(.python, "simple_send", "-a", "\(address)/examples", "-m", "4"), confirmed)
            recv.send(signal)
            try await expectSuccess(recv, sequence(4))
        }
    }

    @Test("direct_send, which nobody has connected to", arguments: signals)
    func directSend(signal: Int32) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(.swift, "direct_send", "-a", address)
            try await send.waitUntilListening(on: address)
            send.send(signal)
            try await expectSuccess(send, "")
        }
    }

    @Test("helloworld, to which nothing comes back, time after time", arguments: signals)
    func helloWorld(signal: Int32) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let recv = try programs.startUnbuffered("direct_recv", "-a", address, "-m", "0")
            try await recv.waitUntilListening(on: address)
            // The signal meets the program at another point of its work each time, and must be lost at none.
            for count in 1...20 {
                let helloWorld = try programs.start(.swift, "helloworld", address)
                try await recv.waitForLines(count)
                helloWorld.send(signal)
                try await expectSuccess(helloWorld, "")
            }
            #expect(recv.record.outputText == String(repeating: "Hello World!\n", count: 20))
        }
    }
}
