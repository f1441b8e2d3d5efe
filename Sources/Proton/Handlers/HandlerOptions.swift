// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the library does for a `MessagingHandler`.
public struct HandlerOptions: Sendable, Hashable {
    /// How many messages a peer may send ahead on each receiver; 0 leaves credit to the program. Default 10.
    ///
    /// Credit is renewed when half of it is used up. A number below 0 is an error when the handler is first used. It limits the
    /// messages that arrive before their callbacks, not the unsettled ones: credit is renewed when messages are taken. A program
    /// that settles later, and needs a limit, gives credit itself when it settles.
    public var prefetch: Int
    /// Whether a message is accepted when `onMessage` returns without an outcome. Default true.
    public var autoAccepts: Bool
    /// Whether a sent message is settled here when the peer settles it. Default true.
    public var autoSettles: Bool
    /// Whether the library answers a drain: it returns the unused credit when all handlers have received the drain. Default true.
    ///
    /// If it is false for one of the handlers, the program calls `Sender.drained()`, now or later.
    public var answersDrains: Bool
    /// Whether a link that the peer attaches is attached here too when `onLinkOpening` returns without having opened or closed
    /// it. Default true.
    ///
    /// If it is false for one of the handlers of the link, the program opens or refuses it, now or later.
    public var opensLinks: Bool
    /// Whether a peer's close without an error condition is an error too. Default false.
    ///
    /// The `on…Error` callback is then called in place of the `on…Closing` one.
    public var treatsPeerCloseAsError: Bool

    /// Creates options; the defaults are those of the Python binding.
    public init(
        prefetch: Int = 10, autoAccepts: Bool = true, autoSettles: Bool = true, answersDrains: Bool = true,
        opensLinks: Bool = true, treatsPeerCloseAsError: Bool = false
    ) {
        self.prefetch = prefetch
        self.autoAccepts = autoAccepts
        self.autoSettles = autoSettles
        self.answersDrains = answersDrains
        self.opensLinks = opensLinks
        self.treatsPeerCloseAsError = treatsPeerCloseAsError
    }
}
