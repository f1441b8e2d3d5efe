// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Testing

/// What goes wrong is said in one line, and ends the program with an exit code that is not 0.
@Suite(.serialized)
struct FailureTests {
    /// What ends a program whose peer closes its connection with a condition, or without one.
    private static func closed(_ address: String, _ reason: String = "no reason was given") -> String {
        "\(address) closed the connection: \(reason)"
    }

    private static func lost(_ address: String) -> String { "\(address) went away without closing the connection." }

    private static func refused(_ address: String) -> String { "Cannot connect to \(address): Connection refused." }

    private static let shutDown = "amqp:connection:forced: The broker is shutting down."

    static let clients = ["helloworld", "simple_send", "simple_recv"]
    static let listeners = ["helloworld_direct", "direct_send", "direct_recv", "broker"]

    /// Starts a program that takes its address as an argument or as an option.
    private func start(_ programs: Programs, _ name: String, _ address: String) throws -> ChildProcess {
        name.hasPrefix("helloworld")
            ? try programs.start(.swift, name, address) : try programs.start(.swift, name, "--address", address)
    }

    @Test("Wrong arguments", arguments: clients + listeners)
    func wrongArguments(name: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, name, "--colour", "green").waitForEnd()
            #expect(record.errorText.hasPrefix("Error: Unknown option '--colour'\nUsage: \(name) "))
            #expect(record.output == [])
            #expect(record.ending == .exited(EX_USAGE))
        }
    }

    @Test(
        "Wrong numbers of messages",
        arguments: [
            ("simple_send", "0"), ("direct_send", "0"), ("simple_send", "many"), ("simple_recv", "-1"),
            ("direct_recv", "99999999999999999999"), ("direct_recv", "-1"),
        ])
    func wrongCount(name: String, count: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, name, "--messages=\(count)").waitForEnd()
            #expect(record.errorText.hasPrefix("Error: "))
            #expect(record.errorText.split(separator: "\n").first?.contains("--messages") == true)
            #expect(record.ending == .exited(EX_USAGE))
        }
    }

    @Test("An address that is none", arguments: clients + listeners)
    func wrongAddress(name: String) async throws {
        try await withPrograms { programs in
            let program = try start(programs, name, "localhost:notaport/examples")
            let record = try await program.waitForEnd()
            #expect(record.errorText.hasPrefix("Error: invalid AMQP URL: "))
            #expect(record.errorText.count { $0 == "\n" } == 1)
            #expect(record.ending == .exited(1))
        }
    }

    @Test("A program that has no certificate to listen with leaves TLS out never in silence", arguments: listeners)
    func noCertificate(name: String) async throws {
        try await withPrograms { programs in
            let program = try start(programs, name, "amqps://user:secret@\(try freeAddress())/examples")
            let record = try await program.waitForEnd()
            #expect(record.errorText.contains("certificate"))
            #expect(!record.errorText.contains("secret"))
            #expect(record.errorText.count { $0 == "\n" } == 1)
            #expect(record.ending == .exited(1))
        }
    }

    @Test(
        "Messages that are rejected, since they have no address", arguments: ["simple_send", "colour_send", "client"])
    func rejected(name: String) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let record = try await programs.start(.swift, name, "-a", address).waitForEnd()
            #expect(record.errorText.hasPrefix("Error: The message was rejected: amqp:precondition-failed: "))
            #expect(record.ending == .exited(1))
        }
    }

    @Test("A broker without transactions", arguments: ["tx_send", "tx_recv"])
    func noTransactions(name: String) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.python)
            let program = try programs.start(.swift, name, "-a", "\(address)/examples")
            try await expectFailure(
                program,
                "No transaction was begun: the peer took the request for a message: it does no transactions.")
        }
    }

    @Test("No broker", arguments: clients)
    func noBroker(name: String) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let program = try start(programs, name, address)
            try await expectFailure(
                program, Self.refused(address), after: name == "helloworld" ? nil : Self.refused(address))
            #expect(program.record.output == [])
        }
    }

    @Test("A host that is unknown", arguments: clients + listeners)
    func unknownHost(name: String) async throws {
        try await withPrograms { programs in
            let record = try await start(programs, name, "host.invalid:5672/examples").waitForEnd()
            // The reason depends on whether a name server can be reached.
            let verb = Self.clients.contains(name) ? "connect to" : "listen on"
            let line = record.errorText.split(separator: "\n").last ?? ""
            #expect(line.hasPrefix("Error: Cannot \(verb) host.invalid:5672: "))
            #expect(record.ending == .exited(1))
        }
    }

    @Test("An address that is not of this machine", arguments: listeners)
    func foreignAddress(name: String) async throws {
        try await withPrograms { programs in
            let program = try start(programs, name, "192.0.2.1:5672")
            try await expectFailure(program, "Cannot listen on 192.0.2.1:5672: Cannot assign requested address.")
        }
    }

    @Test("A port that is in use", arguments: listeners)
    func busyPort(name: String) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let program = try start(programs, name, address)
            try await expectFailure(program, "Cannot listen on \(address): Address already in use.")
            #expect(program.record.output == [])
        }
    }

    @Test("A broker that is killed while a receiver waits", arguments: Language.allCases)
    func brokerKilledUnderReceiver(language: Language) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(language)
            let send = try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "3")
            try await expectSuccess(send, confirmed)
            let recv = try programs.startUnbuffered("simple_recv", "-a", "\(address)/examples")
            try await recv.waitForLines(3)
            broker.send(SIGKILL)
            try await expectFailure(recv, Self.refused(address), after: Self.lost(address))
            #expect(recv.record.outputText == sequence(3))
        }
    }

    @Test("A broker that is killed while a sender sends", arguments: Language.allCases)
    func brokerKilledUnderSender(language: Language) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(language)
            let recv = try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "3")
            let send = try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "100000000")
            try await expectSuccess(recv, sequence(3))
            broker.send(SIGKILL)
            try await expectFailure(send, Self.refused(address), after: Self.lost(address))
            #expect(send.record.output == [])
        }
    }

    @Test("A broker that is stopped while a receiver waits", arguments: [SIGINT, SIGTERM])
    func brokerStoppedUnderReceiver(signal: Int32) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(.swift)
            var receivers: [ChildProcess] = []
            // One that misses a message, and one that takes what there is.
            for count in ["4", "0"] {
                let url = "\(address)/\(count)"
                try await expectSuccess(try programs.start(.swift, "simple_send", "-a", url, "-m", "3"), confirmed)
                let recv = try programs.startUnbuffered("simple_recv", "-a", url, "-m", count)
                try await recv.waitForLines(3)
                receivers.append(recv)
            }
            broker.send(signal)
            for recv in receivers {
                try await expectFailure(recv, Self.refused(address), after: Self.closed(address, Self.shutDown))
                #expect(recv.record.outputText == sequence(3))
            }
            try await expectSuccess(broker, "listening on \(address)\n")
        }
    }

    @Test("A broker that is stopped while a sender sends")
    func brokerStoppedUnderSender() async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(.swift)
            let recv = try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "3")
            let send = try programs.start(.swift, "simple_send", "-a", "\(address)/examples", "-m", "100000000")
            try await expectSuccess(recv, sequence(3))
            broker.send(SIGTERM)
            try await expectFailure(send, Self.refused(address), after: Self.closed(address, Self.shutDown))
            try await expectSuccess(broker, "listening on \(address)\n")
        }
    }

    @Test("A broker that is killed, and back at once", arguments: Language.allCases)
    func brokerKilledAndBack(language: Language) async throws {
        try await withPrograms { programs in
            let (broker, address) = try await programs.startBroker(language)
            let url = "\(address)/examples"
            let recv = try programs.startUnbuffered("simple_recv", "-a", url, "-m", "6")
            try await expectSuccess(try programs.start(.swift, "simple_send", "-a", url, "-m", "3"), confirmed)
            try await recv.waitForLines(3)
            broker.send(SIGKILL)
            _ = try await broker.waitForEnd()
            _ = try await programs.startBroker(language, on: address)
            try await expectSuccess(try programs.start(.python, "simple_send", "-a", url, "-m", "6"), confirmed)
            let record = try await recv.waitForEnd()
            #expect(record.ending == .exited(0))
            // As in Python's program what has an id below the number of messages so far is a duplicate.
            #expect(record.outputText.hasPrefix(sequence(3)) && record.outputText.hasSuffix(sequence(5).suffix(40)))
            #expect(record.errorText.contains("\(Self.lost(address)) Trying again."))
        }
    }

    // MARK: Peers that end well, but too early

    @Test("A receiver that wants more than the sender has", arguments: Language.allCases)
    func fewerMessagesThanExpected(language: Language) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(language, "direct_send", "-a", address, "-m", "3")
            try await send.waitUntilListening(on: address)
            let recv = try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "5")
            try await expectFailure(recv, Self.closed(address))
            #expect(recv.record.outputText == sequence(3))
            try await expectSuccess(send, confirmed)
        }
    }

    @Test("A receiver that takes what there is is content with that")
    func asManyMessagesAsThereAre() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(.swift, "direct_send", "-a", address, "-m", "3")
            try await send.waitUntilListening(on: address)
            let recv = try programs.start(.swift, "simple_recv", "-a", "\(address)/examples", "-m", "0")
            try await expectSuccess(recv, sequence(3))
            try await expectSuccess(send, confirmed)
        }
    }

    @Test("Senders whose receiver goes before everything is confirmed", arguments: ["simple_send", "helloworld"])
    func receiverThatGoes(name: String) async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let recv = try programs.start(.swift, "direct_recv", "-a", address, "-m", "1")
            try await recv.waitUntilListening(on: address)
            let record = try await start(programs, name, address).waitForEnd()
            // It releases what it does not want, closes the link, and the connection with it: it depends on the timing
            // which of these is seen first.
            let errors = ["the link", "the sender to examples", "the connection"].map {
                "Error: \(address) closed \($0): no reason was given\n"
            }
            let released = "Error: The message was released: the peer did not take it, and it can be sent again.\n"
            #expect((errors + [released]).contains(record.errorText), "\(record.errorText)")
            #expect(record.output == [])
            #expect(record.ending == .exited(1))
        }
    }

    @Test("A sender whose receiver goes has what is left for the next one")
    func receiversInTurn() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(.swift, "direct_send", "-a", address, "-m", "20")
            try await send.waitUntilListening(on: address)
            let first = try programs.start(.swift, "simple_recv", "-a", address, "-m", "5")
            try await expectSuccess(first, sequence(5))
            let rest = try programs.start(.swift, "simple_recv", "-a", address, "-m", "0")
            try await expectSuccess(rest, (6...20).map { "{'sequence': \($0)}\n" }.joined())
            try await expectSuccess(send, confirmed)
        }
    }

    @Test("A sender whose receiver is killed has what is left for the next one")
    func receiverKilled() async throws {
        try await withPrograms { programs in
            let address = try freeAddress()
            let send = try programs.start(.swift, "direct_send", "-a", address, "-m", "10000")
            try await send.waitUntilListening(on: address)
            let first = try programs.startUnbuffered("simple_recv", "-a", address, "-m", "10000")
            try await first.waitForLines(5)
            first.send(SIGKILL)
            _ = try await first.waitForEnd()
            let rest = try await programs.start(.swift, "simple_recv", "-a", address, "-m", "0").waitForEnd()
            #expect(rest.ending == .exited(0))
            #expect(rest.outputText.hasSuffix("{'sequence': 9999}\n{'sequence': 10000}\n"))
            let record = try await send.waitForEnd()
            #expect(record.ending == .exited(0) && record.outputText == confirmed)
            #expect(record.errorText.count { $0 == "\n" } == 1, "that it went is logged")
        }
    }

    // MARK: The system

    // Not of `demo`: libdispatch, whose main queue a program with async/await runs on, needs descriptors of its own, and ends
    // the process where it gets none.
    @Test("No descriptor is left", arguments: clients + listeners)
    func noDescriptors(name: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(name, openFiles: 5).waitForEnd()
            #expect(record.errorText.hasPrefix("Error: No proactor can be made"))
            #expect(record.errorText.count { $0 == "\n" } == 1)
            #expect(record.ending == .exited(1))
        }
    }

    @Test("Too few descriptors are left to take a connection", arguments: listeners + ["demo"])
    func tooFewDescriptors(name: String) async throws {
        try await withPrograms { programs in
            let record = try await programs.start(name, openFiles: 30).waitForEnd()
            #expect(record.errorText.hasPrefix("Error: Cannot listen on "))
            #expect(record.errorText.hasSuffix(": too few files may be open for any connection: raise the limit.\n"))
            #expect(record.ending == .exited(1))
        }
    }

    @Test("More clients than the broker has descriptors for")
    func moreClientsThanDescriptors() async throws {
        try await withPrograms { programs in
            let broker = try programs.start("broker", openFiles: 60, "127.0.0.1:0")
            let address = try await programs.address(of: broker)
            let receivers = try (0..<40).map { _ in try programs.start(.swift, "simple_recv", "-a", "\(address)/x") }
            // The broker says once that it is full. Whoever comes then is told so, or dropped where many come.
            _ = await broker.wait(atMost: .seconds(30)) { $0.errorText.hasSuffix(": try again later.\n") }
            broker.send(SIGTERM)
            let record = try await broker.waitForEnd()
            #expect(record.ending == .exited(0))
            #expect(record.errorText.count { $0 == "\n" } == 1)
            for receiver in receivers {
                let record = try await receiver.waitForEnd()
                #expect(record.ending == .exited(1))
                #expect(record.errorText.split(separator: "\n").last?.hasPrefix("Error: ") == true)
            }
        }
    }
}
