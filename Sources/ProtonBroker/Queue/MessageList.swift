import DequeModule

/// Messages in order, that can be put in and taken out anywhere.
///
/// The order is that of `QueuedMessage.place`. The messages stand in chunks of limited size: both ends cost next to
/// nothing, as a queue needs it for most of its messages, and any other place costs a search and a short move.
struct MessageList {
    /// Where a message is, until the list changes.
    struct Index {
        fileprivate var chunk: Int
        fileprivate var offset: Int
    }

    private static let chunkSize = 256

    /// One chunk at least; the only one may be empty, and no other is.
    private var chunks: Deque<Deque<QueuedMessage>> = [[]]
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    // MARK: Putting in and taking out

    /// Puts a message in its place.
    mutating func insert(_ message: QueuedMessage) {
        count += 1
        let last = chunks.count - 1
        guard let end = chunks[last].last, message.place < end.place else { return append(message, last) }
        var index = index(from: message.place)
        // In front of a chunk is behind the one before, which may have room.
        if index.offset == 0, index.chunk > 0 {
            index.chunk -= 1
            index.offset = chunks[index.chunk].count
        }
        chunks[index.chunk].insert(message, at: index.offset)
        if chunks[index.chunk].count > MessageList.chunkSize { split(index.chunk) }
    }

    private mutating func append(_ message: QueuedMessage, _ last: Int) {
        if chunks[last].count >= MessageList.chunkSize {
            chunks.append([message])
        } else {
            chunks[last].append(message)
        }
    }

    private mutating func split(_ chunk: Int) {
        let half = MessageList.chunkSize / 2
        let rest = Deque(chunks[chunk][half...])
        chunks[chunk].removeLast(rest.count)
        chunks.insert(rest, at: chunk + 1)
    }

    /// Takes the first message.
    mutating func popFirst() -> QueuedMessage? {
        guard let message = chunks[0].popFirst() else { return nil }
        count -= 1
        if chunks[0].isEmpty, chunks.count > 1 { chunks.removeFirst() }
        return message
    }

    /// Takes out the message at an index.
    mutating func remove(at index: Index) -> QueuedMessage {
        count -= 1
        let message = chunks[index.chunk].remove(at: index.offset)
        if chunks[index.chunk].isEmpty, chunks.count > 1 { chunks.remove(at: index.chunk) }
        return message
    }

    // MARK: Finding

    /// Whether there is a message at an index, rather than the end.
    func contains(_ index: Index) -> Bool {
        index.chunk < chunks.count && index.offset < chunks[index.chunk].count
    }

    subscript(_ index: Index) -> QueuedMessage {
        get { chunks[index.chunk][index.offset] }
        _modify { yield &chunks[index.chunk][index.offset] }
    }

    /// The first message that has this place or a later one.
    func index(from place: UInt64) -> Index {
        let chunk = MessageList.firstIndex(below: chunks.count) { chunks[$0].last.map { $0.place >= place } ?? true }
        guard chunk < chunks.count else { return Index(chunk: chunk, offset: 0) }
        let messages = chunks[chunk]
        return Index(
            chunk: chunk, offset: MessageList.firstIndex(below: messages.count) { messages[$0].place >= place })
    }

    /// The message with a place, where it is here.
    func index(of place: UInt64) -> Index? {
        let index = index(from: place)
        return contains(index) && self[index].place == place ? index : nil
    }

    /// The index behind another.
    func index(after index: Index) -> Index {
        index.offset + 1 < chunks[index.chunk].count
            ? Index(chunk: index.chunk, offset: index.offset + 1) : Index(chunk: index.chunk + 1, offset: 0)
    }

    /// The first number from 0 on that a test holds of, as it does of all that follow; `end` where there is none.
    private static func firstIndex(below end: Int, where test: (Int) -> Bool) -> Int {
        var range = 0..<end
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if test(middle) { range = range.lowerBound..<middle } else { range = middle + 1..<range.upperBound }
        }
        return range.lowerBound
    }
}
