// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The handler of a connection that has ended; it ignores all events.
final class IgnoringHandler: EventHandler, Sendable {
    static let shared = IgnoringHandler()

    func handle(_ event: EngineEvent) {}
}
