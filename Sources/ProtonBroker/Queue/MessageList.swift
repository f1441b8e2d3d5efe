// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import DequeModule
import ProtonEngine
import ProtonUtilities

/// Messages in order, with insertion and removal at any position.
///
/// The order is that of `QueuedMessage.place`. The messages are in chunks of limited size: operations at both ends, which a queue
/// needs most, cost almost nothing, and at any other position a search and a short move.
struct MessageList {
    /// The position of a message, until the list changes.
    struct Index {
        fileprivate var chunk: Int
        fileprivate var offset: Int
    }

    private static let chunkSize = 256

    /// The chunks before the last one, none of them empty.
    private var chunks: Deque<Deque<QueuedMessage>> = []
    /// The last chunk, which is separate since every new message is added there; it may be empty.
    private var tail = Deque<QueuedMessage>()
    /// No message has a later place than this one, if there are any.
    private var end: UInt64 = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    // MARK: Insertion and removal

    /// Inserts a message at its place.
    mutating func insert(_ message: QueuedMessage) {
        defer { count += 1 }
        guard message.place < end, !isEmpty else { return append(message) }
        if prepend(message) { return }
        var index = index(from: message.place)
        // The position before a chunk is also the end of the previous one, which may have room.
        if index.offset == 0, index.chunk > 0 {
            index.chunk -= 1
            index.offset = self[index.chunk].count
        }
        self[index.chunk].insert(message, at: index.offset)
        if self[index.chunk].count > MessageList.chunkSize { split(index.chunk) }
    }

    private mutating func append(_ message: QueuedMessage) {
        end = message.place
        if tail.count >= MessageList.chunkSize { chunks.append(exchange(&tail, with: [])) }
        tail.append(message)
    }

    /// Inserts a message before the others, as most returned ones, if it belongs there.
    private mutating func prepend(_ message: QueuedMessage) -> Bool {
        guard let first = chunks.first?.first ?? tail.first, message.place < first.place else { return false }
        if chunks.isEmpty, tail.count < MessageList.chunkSize {
            tail.prepend(message)
        } else if chunks.isEmpty || chunks[0].count >= MessageList.chunkSize {
            chunks.prepend([message])
        } else {
            chunks[0].prepend(message)
        }
        return true
    }

    private mutating func split(_ chunk: Int) {
        let half = MessageList.chunkSize / 2
        let rest = Deque(self[chunk][half...])
        self[chunk].removeLast(rest.count)
        if chunk < chunks.count {
            chunks.insert(rest, at: chunk + 1)
        } else {
            chunks.append(exchange(&tail, with: rest))
        }
    }

    /// Removes and returns the first message.
    mutating func popFirst() -> QueuedMessage? {
        if isEmpty { return nil }
        count -= 1
        if chunks.isEmpty { return tail.removeFirst() }
        let message = chunks[0].removeFirst()
        if chunks[0].isEmpty { chunks.removeFirst() }
        return message
    }

    /// Removes and returns the message at an index.
    mutating func remove(at index: Index) -> QueuedMessage {
        count -= 1
        let message = self[index.chunk].remove(at: index.offset)
        if index.chunk < chunks.count, chunks[index.chunk].isEmpty { chunks.remove(at: index.chunk) }
        return message
    }

    /// A chunk by its number, including the last one.
    private subscript(chunk: Int) -> Deque<QueuedMessage> {
        get { chunk < chunks.count ? chunks[chunk] : tail }
        _modify {
            if chunk < chunks.count { yield &chunks[chunk] } else { yield &tail }
        }
    }

    // MARK: Finding

    /// Whether there is a message at an index, which may also be the end.
    func contains(_ index: Index) -> Bool {
        index.chunk <= chunks.count && index.offset < self[index.chunk].count
    }

    subscript(_ index: Index) -> QueuedMessage {
        get { self[index.chunk][index.offset] }
        _modify { yield &self[index.chunk][index.offset] }
    }

    /// The first message that has this place or a later one.
    func index(from place: UInt64) -> Index {
        let chunk = MessageList.firstIndex(below: chunks.count) { chunks[$0].last.map { $0.place >= place } ?? true }
        let messages = self[chunk]
        return Index(
            chunk: chunk, offset: MessageList.firstIndex(below: messages.count) { messages[$0].place >= place })
    }

    /// The message with a place, if the list contains it.
    func index(of place: UInt64) -> Index? {
        let index = index(from: place)
        return contains(index) && self[index].place == place ? index : nil
    }

    /// Calls `body` with each message, in order.
    func visit(_ body: (QueuedMessage) -> Void) {
        for chunk in chunks { for message in chunk { body(message) } }
        for message in tail { body(message) }
    }

    /// The index after another.
    func index(after index: Index) -> Index {
        index.offset + 1 < self[index.chunk].count
            ? Index(chunk: index.chunk, offset: index.offset + 1) : Index(chunk: index.chunk + 1, offset: 0)
    }

    /// The first number from 0 on for which a test is true, as for all that follow; `end` if there is none.
    private static func firstIndex(below end: Int, where test: (Int) -> Bool) -> Int {
        var range = 0..<end
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if test(middle) { range = range.lowerBound..<middle } else { range = middle + 1..<range.upperBound }
        }
        return range.lowerBound
    }
}
