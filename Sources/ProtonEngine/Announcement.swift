// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What handlers have been told of the beginning of a connection, session or link.
///
/// Proton makes events for what happens while it has a queue for them: not for what is opened before the connection is
/// handed to a proactor, and again for what is made again for another transport. Each is told once all the same.
enum Announcement {
    case none
    /// That it was made.
    case initialized
    /// That it was opened here.
    case opened
    /// That it is over.
    case ended

    /// What an event of the making tells now.
    /// - Parameter isOpen: whether this side is open.
    mutating func begin(isOpen: Bool) -> (initialized: Bool, opened: Bool) {
        let isNew = self == .none
        if isNew { self = .initialized }
        guard self == .initialized, isOpen else { return (isNew, false) }
        self = .opened
        return (isNew, true)
    }

    /// Whether an event of the opening here tells something new.
    mutating func open() -> Bool {
        guard self == .none || self == .initialized else { return false }
        self = .opened
        return true
    }

    /// Whether the end has to be told: once, of what was told to have been made.
    mutating func end() -> Bool {
        guard self == .initialized || self == .opened else { return false }
        self = .ended
        return true
    }
}
