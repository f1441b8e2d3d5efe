// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import AMQPTool

/// Lines of a descriptor.
struct LineReaderTests {
    /// Reads what was written to a pipe, of whose lines none may be longer than 10 bytes.
    private func lines(_ text: String) throws -> [String] {
        var ends: [Int32] = [-1, -1]
        try #require(pipe2(&ends, O_CLOEXEC) == 0)
        defer { close(ends[0]) }
        #expect(Descriptor.write(Array(text.utf8), to: ends[1]) == 0)
        close(ends[1])
        var reader = LineReader(ends[0], maxSize: 10)
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
        var ends: [Int32] = [-1, -1]
        try #require(pipe2(&ends, O_CLOEXEC) == 0)
        defer { close(ends[0]) }
        #expect(Descriptor.write(Array((1...500).map { "\($0)\n" }.joined().utf8), to: ends[1]) == 0)
        close(ends[1])
        var lines: [String] = []
        for try await line in InputLines(ends[0]) { lines.append(String(decoding: line, as: UTF8.self)) }
        #expect(lines == (1...500).map(String.init))
    }
}
