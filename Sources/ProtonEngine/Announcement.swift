// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The lifecycle events of a connection, session or link that handlers have received.
///
/// Proton makes events only while it has a collector: not for an endpoint that is opened before its connection is passed to a
/// proactor, and a second time for one that is renewed on another transport. This delivers each event exactly once.
enum Announcement {
    case none
    /// The initialized event.
    case initialized
    /// The event of the local open.
    case opened
    /// The final event.
    case ended

    /// The events to deliver for proton's event of the creation.
    /// - Parameter isOpen: whether this side is open.
    mutating func begin(isOpen: Bool) -> (initialized: Bool, opened: Bool) {
        let isNew = self == .none
        if isNew { self = .initialized }
        guard self == .initialized, isOpen else { return (isNew, false) }
        self = .opened
        return (isNew, true)
    }

    /// Whether to deliver an event of the local open.
    mutating func open() -> Bool {
        guard self == .none || self == .initialized else { return false }
        self = .opened
        return true
    }

    /// Whether to deliver the final event: once, if the initialized event was delivered.
    mutating func end() -> Bool {
        guard self == .initialized || self == .opened else { return false }
        self = .ended
        return true
    }
}
