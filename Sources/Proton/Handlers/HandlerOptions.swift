// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What a `MessagingHandler` leaves to the library.
public struct HandlerOptions: Sendable, Hashable {
    /// How many messages a peer may send ahead on each receiver; 0 leaves credit to the program. Default 10.
    ///
    /// Credit is given back when half of it is used up. A number below 0 is an error where the handler is put to use.
    /// It bounds what comes ahead of the callbacks, not what a program leaves unsettled: credit comes back as messages are
    /// taken. A program that settles later, and wants a bound, gives credit itself, as it settles.
    public var prefetch: Int
    /// Whether a message is accepted when `onMessage` returns without having given it an outcome. Default true.
    public var autoAccepts: Bool
    /// Whether a sent message is settled here when the peer settles it. Default true.
    public var autoSettles: Bool
    /// Whether a drain is answered here: credit that is left is given back when all handlers have been told of the drain.
    /// Default true.
    ///
    /// Where it is false for one of the handlers, the program calls `Sender.drained()`, now or later.
    public var answersDrains: Bool
    /// Whether a link that the peer attaches is attached here too when `onLinkOpening` returns without having opened or closed
    /// it. Default true.
    ///
    /// Where it is false for one of the handlers that are told of the link, the program opens or refuses it, now or later.
    public var opensLinks: Bool
    /// Whether a peer that closes without an error condition is an error all the same. Default false.
    ///
    /// The `on…Error` callback is then called in place of the `on…Closing` one.
    public var treatsPeerCloseAsError: Bool

    /// Creates options; each default is what the Python binding has.
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
