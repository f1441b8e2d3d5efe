// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestPrograms
import Testing

@testable import AMQPTool

/// Lines of a descriptor.
struct LineReaderTests {
    /// Reads what was written to a socket, of whose lines none may be longer than 10 bytes.
    private func lines(_ text: String) throws -> [String] {
        let ends = try ProgramStart.socketPair()
        defer { close(ends.own) }
        #expect(Descriptor.write(Array(text.utf8), to: ends.programs) == 0)
        close(ends.programs)
        var reader = LineReader(ends.own, maxSize: 10)
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        return lines
    }

    @Test("Lines and their ends")
    func lineEnds() throws {
        #expect(try lines("") == [])
        #expect(try lines("a\nb\r\n\nc") == ["a", "b", "", "c"])
        #expect(try lines("a\n") == ["a"])
    }

    @Test("A line that is too long is an error")
    func tooLong() {
        #expect(throws: ToolError.self) { try lines("12345678901") }
    }

    @Test("An asynchronous reader gives all lines, also more than it reads ahead")
    func asynchronous() async throws {
        let ends = try ProgramStart.socketPair()
        defer { close(ends.own) }
        #expect(Descriptor.write(Array((1...500).map { "\($0)\n" }.joined().utf8), to: ends.programs) == 0)
        close(ends.programs)
        var lines: [String] = []
        for try await line in InputLines(ends.own) { lines.append(String(decoding: line, as: UTF8.self)) }
        #expect(lines == (1...500).map(String.init))
    }
}
