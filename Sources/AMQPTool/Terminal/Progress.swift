// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How far a long command is, on standard error where that is a terminal: one line, which is written over.
package struct Progress {
    private let what: String
    private let total: Int?
    private let isShown: Bool
    private let start = ContinuousClock.now
    private var shown = ContinuousClock.now
    private var isOnLine = false
    package private(set) var count = 0

    /// - Parameters:
    ///   - what: what is counted: `sent`.
    ///   - total: how many there will be; nil where nobody knows.
    ///   - isShown: whether standard error shows it; also where standard output is a terminal it may not.
    package init(_ what: String, of total: Int? = nil, isShown: Bool = StandardError.isTerminal) {
        (self.what, self.total, self.isShown) = (what, total, isShown)
    }

    /// Counts one more.
    package mutating func advance() {
        count += 1
        // Five times a second is enough to be seen. Commands that are done within a second show nothing.
        guard isShown, count & 63 == 0 || count < 64 else { return }
        let now = ContinuousClock.now
        guard now - start > .seconds(1), now - shown > .milliseconds(200) else { return }
        shown = now
        isOnLine = true
        let share = total.map { " of \($0)" } ?? ""
        StandardError.writeBare("\r\(count)\(share) \(what)\u{1b}[K")
    }

    /// Leaves the line to what is written next.
    package mutating func end() {
        if isOnLine { StandardError.writeBare("\r\u{1b}[K") }
        isOnLine = false
    }
}
