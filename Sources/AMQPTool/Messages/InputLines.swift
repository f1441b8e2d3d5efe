// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import ProtonUtilities

/// The lines of standard input, read as they are asked for, and some ahead.
///
/// A thread reads, so that a line that does not come holds up no task.
package struct InputLines: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    /// The most bytes of a line: 16 MiB.
    private static let maxSize = 16 * 1_048_576
    /// How many lines are read ahead.
    private static let ahead = 64

    private let descriptor: Int32

    package init(_ descriptor: Int32 = STDIN_FILENO) { self.descriptor = descriptor }

    package struct AsyncIterator: AsyncIteratorProtocol {
        private var iterator: AsyncThrowingStream<[UInt8], any Error>.Iterator
        private let room: DispatchSemaphore

        init(_ iterator: AsyncThrowingStream<[UInt8], any Error>.Iterator, _ room: DispatchSemaphore) {
            (self.iterator, self.room) = (iterator, room)
        }

        /// The next line, without its end; nil behind the last, and where the task is cancelled.
        /// - Throws: `ToolError` where it cannot be read.
        package mutating func next() async throws -> [UInt8]? {
            let line = try await iterator.next(isolation: #isolation)
            room.signal()
            return line
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        let room = DispatchSemaphore(value: InputLines.ahead)
        let (stream, continuation) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
        let thread = Thread.start { [descriptor] in
            var reader = LineReader(descriptor, maxSize: InputLines.maxSize)
            do {
                while let line = try reader.next() {
                    // There is room again once a line is taken; the process ends with nobody to take one.
                    room.wait()
                    continuation.yield(line)
                }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
        if let thread {
            thread.detach()
        } else {
            continuation.finish(throwing: ToolError(.failure, "The system has no thread left to read standard input."))
        }
        return AsyncIterator(stream.makeAsyncIterator(), room)
    }
}

/// Reads a descriptor line by line.
struct LineReader {
    private let descriptor: Int32
    private let maxSize: Int
    private var buffer: [UInt8] = []
    private var hasEnded = false

    init(_ descriptor: Int32, maxSize: Int) { (self.descriptor, self.maxSize) = (descriptor, maxSize) }

    /// The next line, without `\n` or `\r\n`; a last one without an end counts. Nil behind it.
    /// - Throws: `ToolError` where it is too long, or cannot be read.
    mutating func next() throws -> [UInt8]? {
        var searched = 0
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                var line = Array(buffer[..<end])
                buffer.removeSubrange(...end)
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                return line
            }
            searched = buffer.count
            guard !hasEnded else {
                defer { buffer = [] }
                return buffer.isEmpty ? nil : buffer
            }
            guard buffer.count <= maxSize else {
                throw ToolError(.failure, "A line of standard input is longer than \(maxSize) bytes.")
            }
            try readMore()
        }
    }

    private mutating func readMore() throws {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = read(descriptor, &bytes, bytes.count)
        if count < 0, errno == EINTR { return }
        guard count >= 0 else {
            throw ToolError(.failure, "Standard input cannot be read: \(String(cString: strerror(errno))).")
        }
        hasEnded = count == 0
        buffer += bytes[..<count]
    }
}
