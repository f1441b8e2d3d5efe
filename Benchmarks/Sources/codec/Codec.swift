// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Proton

/// Measures making, encoding, decoding and reading messages, without any network.
///
/// Benchmarks/Peers/codec.c does the same with pn_message; `ns` of the line of JSON is what the two have in common: the work
/// of `-d` for the message with properties.
@main
struct Codec: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures the codec: nanoseconds of processor time a message, as one line of JSON.")

    @Option(name: .customShort("n"), help: "How many messages.")
    var count = 1_000_000

    @Option(name: .customShort("b"), help: "The size of the body, in bytes.")
    var bodySize = 100

    @Option(
        name: .customShort("r"), help: "What is read of each: its id, that and the body, or every field that is set.")
    var reading = Reading.id

    @Option(
        name: .customShort("d"),
        help: """
            whole: make, encode, decode and read. change: set a property of a message that was decoded, and encode it. \
            transit: decode it first.
            """)
    var work = Work.whole

    @Flag(help: "Each step by itself too, and for messages of other kinds.")
    var steps = false

    /// What is done with each message.
    enum Work: String, ExpressibleByArgument, CaseIterable {
        case whole, change, transit
    }

    func validate() throws {
        guard count > 0, bodySize >= 0 else { throw ValidationError("-n takes a number above 0, -b none below.") }
    }

    func run() throws {
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: bodySize)
        var fields = ["\"role\":\"swift-codec\"", "\"n\":\(count)", "\"ns\":\(try measureWork(body))"]
        for sample in steps ? Sample.allCases : [] {
            let message = sample.make(1, body)
            let bytes = try message.encoded()
            let decoded = try Message(decoding: bytes)
            let each = [
                ("make", try measure { id, _ in sample.make(id, body).isDurable ? 1 : 0 }),
                ("encode", try measure { _, _ in try message.encoded().count }),
                ("decode", try measure { _, _ in try Message(decoding: bytes).isDurable ? 1 : 0 }),
                ("read", try measure { _, _ in reading.read(decoded) }),
            ]
            fields += each.map { "\"\(sample.rawValue)_\($0)_ns\":\($1)" }
        }
        print("{\(fields.joined(separator: ","))}")
    }

    private func measureWork(_ body: [UInt8]) throws -> Double {
        let sample = Sample.withProperties
        let bytes = try sample.make(1, body).encoded()
        let received = try Message(decoding: bytes)
        switch (work, reading) {
        // A loop for each, so that none pays for the choice.
        case (.whole, .head): return try measure { id, buffer in try Reading.head(coded(id, body, &buffer)) }
        case (.whole, .id): return try measure { id, buffer in try Reading.idAndBody(coded(id, body, &buffer)) }
        case (.whole, .all): return try measure { id, buffer in try Reading.all(coded(id, body, &buffer)) }
        case (.whole, .views): return try measure { id, buffer in try Reading.views(coded(id, body, &buffer)) }
        case (.change, _):
            return try measure { id, buffer in try encoded(Sample.change(received, id), &buffer) }
        case (.transit, _):
            return try measure { id, buffer in try encoded(Sample.change(Message(decoding: bytes), id), &buffer) }
        }
    }

    /// A message that was made, encoded and decoded.
    private func coded(_ id: Int, _ body: [UInt8], _ buffer: inout [UInt8]) throws -> Message {
        _ = try encoded(Sample.withProperties.make(id, body), &buffer)
        return try Message(decoding: buffer)
    }

    /// Encodes into memory of the program's own, as C does.
    private func encoded(_ message: Message, _ buffer: inout [UInt8]) throws -> Int {
        buffer.removeAll(keepingCapacity: true)
        try message.encode(appendingTo: &buffer)
        return buffer.count
    }

    /// What one pass of the work takes on average, in nanoseconds; the work's result keeps it from being left out.
    ///
    /// It is given memory that is used again.
    private func measure(_ work: (Int, inout [UInt8]) throws -> Int) throws -> Double {
        var checksum = 0
        let start = processorNanoseconds()
        var buffer: [UInt8] = []
        for id in 1...count { checksum &+= try work(id, &buffer) }
        let average = Double(processorNanoseconds() - start) / Double(count)
        withExtendedLifetime(checksum) {}
        return (average * 10).rounded() / 10
    }

    private func processorNanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension Reading: ExpressibleByArgument {}
