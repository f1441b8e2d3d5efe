// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonTesting
import Testing

@testable import ProtonEngine

/// What the layer of frames makes of bytes, without any I/O.
struct FrameScannerTests {
    /// A scanner whose input and output are frames.
    final class Scanner {
        private var scanner: FrameScanner

        init(maxFrameSize: UInt32 = 65_536, maxSessions: Int = 8, maxLinks: Int = 16) {
            scanner = FrameScanner(
                maxFrameSize: maxFrameSize, maxSessions: maxSessions, maxLinks: maxLinks, maxNameSize: 100)
        }

        /// One whose two sides have a session, and a link on it on which the peer sends.
        static func receiving(maxFrameSize: UInt32 = 65_536) -> Scanner {
            let scanner = Scanner(maxFrameSize: maxFrameSize)
            scanner.begin()
            scanner.attach(isLocalSender: false)
            return scanner
        }

        var violation: FrameViolation? { scanner.violation }
        var peerHandleMax: UInt32 { scanner.sessions.peerHandleMax }
        var hasAnswers: Bool { scanner.hasAnswers }
        var sessionCount: Int { scanner.sessions.sessions.count }
        /// How many links of the first session are followed.
        var linkCount: Int { scanner.sessions.sessions[0].linkCount }
        var hasNoScratchLinks: Bool { scanner.scratchLinks.isEmpty }

        func receive(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { Array(scanner.receive($0)) } }

        func send(_ bytes: [UInt8]) -> [UInt8] { bytes.withUnsafeBytes { Array(scanner.send($0)) } }

        func receive(_ frames: Frame...) -> [Frame] { Frame.parse(receive(frames.flatMap(\.bytes))) }

        func send(_ frames: Frame...) -> [Frame] { Frame.parse(send(frames.flatMap(\.bytes))) }

        /// Opens a session on channel 0 both ways, which the peer begins.
        func begin(windows: UInt32 = 100, nextOutgoing: UInt32 = 7) {
            _ = receive(.amqpHeader, .open(), .begin(["next-outgoing-id": .uint(nextOutgoing)]))
            _ = send(
                .amqpHeader, .open(),
                .begin(["remote-channel": .ushort(0), "incoming-window": .uint(windows), "outgoing-window": 55]))
        }

        /// Attaches a link both ways.
        func attach(_ name: String = "link", isLocalSender: Bool, peer: UInt32 = 0, ours: UInt32 = 0) {
            _ = receive(
                isLocalSender
                    ? .attach(receivingFrom: "q", name: name, handle: peer)
                    : .attach(sendingTo: "q", name: name, handle: peer))
            _ = send(
                isLocalSender
                    ? .attach(sendingTo: "q", name: name, handle: ours)
                    : .attach(receivingFrom: "q", name: name, handle: ours))
        }

        /// What goes out when proton writes next.
        func answers() -> [Frame] { send(Frame(.empty)).filter { $0.kind != .empty } }
    }

    // MARK: Whole frames

    private static let conversation: [Frame] = [
        .amqpHeader, .open(), .begin(), .attach(), .transfer(id: 0), Frame(.empty), .flow(credit: 3),
        .transfer(1, payload: [UInt8](repeating: 1, count: 3_000)),
        Frame(.disposition, ["role": true, "first": 0, "state": DeliveryState.outcome(.accepted).described]),
        Frame(.detach, ["handle": 0, "closed": true]), Frame(.end), Frame(.close),
    ]

    @Test(arguments: [1, 3, 7, 8, 9, 64, 1_000, 100_000])
    func framesGoOnUnchangedAndWhole(step: Int) {
        let scanner = Scanner()
        let bytes = Self.conversation.flatMap(\.bytes)
        var (came, went): ([UInt8], [UInt8]) = ([], [])
        for start in stride(from: 0, to: bytes.count, by: step) {
            let piece = Array(bytes[start..<min(start + step, bytes.count)])
            came += scanner.receive(piece)
            // Nothing but whole frames: what is there parses to its end.
            #expect(Frame.parse(came).flatMap(\.bytes) == came)
            went += scanner.send(piece)
        }
        #expect(came == bytes)
        #expect(Frame.parse(went).filter { $0.kind != .begin } == Self.conversation.filter { $0.kind != .begin })
    }

    @Test(arguments: [1, 9, 100])
    func aBeginSaysTheHandleMax(step: Int) {
        let scanner = Scanner()
        let begin = Frame.begin(channel: 3, ["remote-channel": .ushort(1)])
        let bytes = Frame.amqpHeader.bytes + Frame.open().bytes + begin.bytes + Frame(.empty).bytes
        var sent: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            sent += scanner.send(Array(bytes[start..<min(start + step, bytes.count)]))
        }
        var expected = begin
        expected["handle-max"] = .uint(FrameSession.handleMax)
        #expect(Frame.parse(sent) == [.amqpHeader, .open(), expected, Frame(.empty)])
        // One that says it already stays as it is.
        #expect(scanner.send(expected) == [expected])
    }

    @Test func thePeersHandleMaxIsKept() {
        let scanner = Scanner()
        _ = scanner.receive(.amqpHeader, .open(), .begin())
        #expect(scanner.peerHandleMax == .max)
        _ = scanner.receive(.begin(channel: 1, ["handle-max": 7]), .begin(channel: 2, ["handle-max": 9]))
        #expect(scanner.peerHandleMax == 7)
    }

    @Test func framesMayBeginWithoutAHeader() {
        let scanner = Scanner()
        #expect(scanner.receive(.begin(), .attach()) == [.begin(), .attach()])
    }

    @Test(
        arguments: [
            [0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0], [0, 0, 0, 7, 2, 0, 0, 0], [0, 0, 0, 9, 1, 0, 0, 0, 0],
            [0, 0, 0, 9, 3, 0, 0, 0, 0], [0, 1, 0, 1, 2, 0, 0, 0], Array("HTTP/1.1 200".utf8),
        ] as [[UInt8]])
    func whatBeginsWithNoFrameGoesOnAtOnce(_ bytes: [UInt8]) {
        let scanner = Scanner()
        #expect(scanner.receive(bytes) == bytes)
        #expect(scanner.receive([1]) == [1])
    }

    // MARK: Descriptors

    private static let names: [UInt64: Symbol] = [
        0x13: "amqp:flow:list", 0x14: "amqp:transfer:list", 0x15: "amqp:disposition:list", 0x23: "amqp:received:list",
        0x24: "amqp:accepted:list", 0x25: "amqp:rejected:list", 0x26: "amqp:released:list",
        0x27: "amqp:modified:list", 0x30: "amqp:coordinator:list", 0x33: "amqp:declared:list",
        0x34: "amqp:transactional-state:list",
    ]

    static let states: [DeliveryState] = [
        .accepted, .released, .received(sectionNumber: 1, sectionOffset: 2), .rejected(nil),
        .rejected(Condition(.notFound, "no such queue", info: ["a": .string(String(repeating: "x", count: 300))])),
        .modified(deliveryFailed: true, undeliverableHere: false, annotations: ["x-opt-a": 1]), .declared(id: [1, 2]),
        .transactional(id: [3], outcome: .accepted), .transactional(id: [3], outcome: nil),
    ]

    private static func symbolic(_ value: AMQPValue) -> AMQPValue {
        guard case .described(let described) = value, let code = described.descriptor.integer(as: UInt64.self) else {
            return value
        }
        return .described(
            Described(descriptor: names[code].map { .symbol($0) } ?? .ulong(code), value: described.value))
    }

    @Test(arguments: states)
    func aSymbolicStateBecomesNumeric(_ state: DeliveryState) {
        let scanner = Scanner.receiving()
        let fields: KeyValuePairs<String, AMQPValue> = ["role": true, "first": 3, "settled": true, "batchable": true]
        for kind in [Frame.Kind.disposition, .transfer] {
            var expected = kind == .disposition ? Frame(kind, fields) : .transfer(id: 4)
            var sent = expected
            expected["state"] = state.described
            sent["state"] = Self.symbolic(state.described)
            #expect(sent.bytes != expected.bytes)
            #expect(scanner.receive(Frame(.empty), sent, Frame(.empty)) == [Frame(.empty), expected, Frame(.empty)])
            #expect(scanner.receive(expected) == [expected])
        }
    }

    @Test func aSymbolicPerformativeBecomesNumeric() throws {
        let scanner = Scanner.receiving()
        let expected = Frame.transfer(5, payload: [1, 2, 3])
        let performative = AMQPValue.described(
            Described(descriptor: .symbol("amqp:transfer:list"), value: .list(expected.fields)))
        #expect(scanner.receive(Frame.framed(try performative.encoded() + [1, 2, 3])) == expected.bytes)
    }

    @Test func aSymbolicCoordinatorBecomesNumeric() {
        let scanner = Scanner()
        scanner.begin()
        var expected = Frame.attach()
        expected["target"] = .described(Described(descriptor: .ulong(0x30), value: .list([])))
        var sent = expected
        sent["target"] = .described(Described(descriptor: .symbol("amqp:coordinator:list"), value: .list([])))
        #expect(scanner.receive(sent) == [expected])
    }

    @Test func whatIsNotKnownStaysAsItIs() {
        let scanner = Scanner()
        for descriptor in [AMQPValue.symbol("amqp:unknown:list"), .symbol(""), .string("x"), .ulong(1 << 40), .null] {
            let frame = Frame(
                .disposition,
                ["role": true, "first": 0, "state": .described(Described(descriptor: descriptor, value: .list([])))])
            #expect(scanner.receive(frame) == [frame])
        }
    }

    // MARK: Credit

    @Test(arguments: [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func creditIsWhatProtonCanCount(_ credit: UInt32) {
        let scanner = Scanner()
        let frames = scanner.receive(.flow(credit: credit, ["drain": true]))
        #expect(frames == [.flow(credit: min(credit, 0x7fff_ffff), ["drain": true])])
    }

    // MARK: Message formats

    @Test(
        arguments: [1, 255, 256, 0x8001_3700] as [UInt32], [nil, DeliveryState.transactional(id: [1], outcome: nil)])
    func aMessageFormatIsMovedIntoTheState(_ format: UInt32, _ state: DeliveryState?) throws {
        let scanner = Scanner.receiving()
        var frame = Frame.transfer(3, payload: [9, 9])
        frame["message-format"] = .uint(format)
        if let state { frame["state"] = state.described }
        let moved = try #require(scanner.receive(frame).first)
        #expect(moved["message-format"] == .null && moved["delivery-id"] == .uint(3) && moved.payload == [9, 9])
        let code = MessageFormat.code(of: format)
        #expect(
            moved["state"]
                == .described(
                    Described(descriptor: .ulong(code), value: .list(state.map { [$0.described] } ?? []))))
        #expect(MessageFormat.format(of: code) == format)
    }

    @Test func aFullFrameKeepsItsMessageFormat() {
        let scanner = Scanner.receiving(maxFrameSize: 512)
        var frame = Frame.transfer(3, payload: [])
        frame["message-format"] = 0x8001_3700
        frame.payload = [UInt8](repeating: 1, count: 512 - frame.bytes.count)
        #expect(frame.bytes.count == 512)
        #expect(scanner.receive(frame) == [frame])
    }
}
