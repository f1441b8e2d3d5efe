// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// A coding path as a linked list, so that an array of keys is made only for an error.
indirect enum CodingPath {
    case root
    case child(of: CodingPath, any CodingKey)

    /// The keys from the outermost to the innermost.
    var keys: [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = self
        while case .child(let parent, let key) = path {
            keys.append(key)
            path = parent
        }
        return keys.reversed()
    }
}

/// The key of a list's element in coding paths.
struct IndexKey: CodingKey {
    private let index: Int

    init(_ index: Int) {
        self.index = index
    }

    init?(stringValue: String) { nil }

    init?(intValue: Int) {
        index = intValue
    }

    var stringValue: String { "Index \(index)" }
    var intValue: Int? { index }
}

/// The key of the value that a superclass encodes into the `superEncoder()`.
struct SuperKey: CodingKey {
    init() {}

    init?(stringValue: String) {
        guard stringValue == "super" else { return nil }
    }

    init?(intValue: Int) { nil }

    var stringValue: String { "super" }
    var intValue: Int? { nil }
}

/// The distinct names of a map's keys in their order, compared by their bytes, with the position of each.
///
/// The few names of a struct are compared one by one. Many names, which a peer may send, are looked up in a dictionary, so that
/// the time for a whole map grows linearly with its size.
struct KeyIndex {
    private static let linearLimit = 16

    private(set) var names: [String] = []
    private var positions: [HashedKey<String>: Int] = [:]

    /// The position of a name; the first one if the name was added twice.
    func position(of name: String) -> Int? {
        names.count <= Self.linearLimit
            ? names.firstIndex { $0.hasSameBytes(as: name) } : positions[HashedKey(name)]
    }

    mutating func append(_ name: String) {
        names.append(name)
        if names.count == Self.linearLimit + 1 {
            positions = Dictionary(
                zip(names.map { HashedKey($0) }, names.indices), uniquingKeysWith: { first, _ in first })
        } else if names.count > Self.linearLimit, positions[HashedKey(name)] == nil {
            positions[HashedKey(name)] = names.count - 1
        }
    }
}
