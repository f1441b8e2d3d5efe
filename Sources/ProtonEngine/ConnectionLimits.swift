// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonUtilities

/// What one connection may take of this process; each has a safe default.
///
/// A peer that passes one loses its link or its connection, with an error condition that names the limit; the program is
/// told by `onLinkError` or `onConnectionError`, where the endpoint's `condition` is that. What would take the program
/// itself beyond one throws `ProtonError.Code.limitExceeded`.
public struct ConnectionLimits: Sendable, Hashable {
    /// The largest frame that the peer may send, in bytes: 512 to 4,294,967,295 (AMQP 1.0, 2.7.1). Default 65,536.
    public var maxFrameSize: UInt32 = 65_536
    /// How many sessions there may be, and the peer may begin: 1 to 65,536 (`channel-max` + 1), of which proton takes 32,768.
    /// Default 64.
    public var maxSessions: Int = 64
    /// How many links the connection may have at once, on all of its sessions: 65,536 at most. Default 1,024.
    public var maxLinks: Int = 1_024
    /// The largest message that is taken, in bytes; a larger one is rejected, and its link closed. Default 16 MiB.
    public var maxMessageSize: Int = 16 * 1_024 * 1_024
    /// How many bytes of messages that have come in part may wait for the rest of them, on all links of the connection
    /// together. Default 64 MiB.
    ///
    /// One message of `maxMessageSize` is always taken.
    public var maxIncompleteBytes: Int = 64 * 1_024 * 1_024
    /// How many bytes of transfers a session holds that have not been read. Default 64 MiB.
    ///
    /// Proton gives a session a window of this many bytes divided by `maxFrameSize`, in frames.
    public var sessionCapacity: Int = 64 * 1_024 * 1_024
    /// How many bytes of messages may wait until the peer reads them, on all links of the connection together; each message
    /// counts 1,024 more. Default 16 MiB.
    ///
    /// Then `Sender.credit` is 0, whatever the peer has given, and `send` throws `ProtonError.Code.noCredit`. When what
    /// waits is written `onSendable` is called. One message more is taken while there is any room.
    public var maxUnsentBytes: Int = 16 * 1_024 * 1_024
    /// How long the peer may take from the first byte of a connection to its open frame. Default 10 seconds.
    public var handshakeTimeout: Duration = .seconds(10)
    /// How long the peer may take to answer the close of the connection, once it has been sent all that came before.
    /// Default 10 seconds.
    ///
    /// Then the connection is dropped, and `onTransportError` told. A peer may take ten times as long to read what was sent
    /// before.
    public var closeTimeout: Duration = .seconds(10)
    /// The shortest idle time-out that a peer may ask for: it is to be sent something in half of that time again and again
    /// (AMQP 1.0, 2.4.5). Default 100 milliseconds; `.zero` takes any.
    ///
    /// A peer that asks for a shorter one is refused with `amqp:not-allowed`.
    public var minimumRemoteIdleTimeout: Duration = .milliseconds(100)
    /// How long the peer may say nothing before the connection is given up; `.zero` is for ever. Default 60 seconds.
    ///
    /// Half of it is what the peer is told (AMQP 1.0, 2.4.5), so that a heartbeat may be late. It counts from SASL on: a log-in
    /// that takes longer fails, while its client waits in silence.
    public var idleTimeout: Duration = .seconds(60)
    /// What is decoded at most: of a message, or of one field of the peer's, such as its properties, a filter or a state.
    /// Default: those of `DecodingLimits`.
    ///
    /// A message beyond them is no valid message to this side: see `MessagingHandler.onInvalidMessage`. A field beyond
    /// them reads as if the peer had not given it.
    public var decoding = DecodingLimits.default

    /// How long a name of the peer's may be, in bytes: of a link, of its container and of a host. Default 2,048.
    ///
    /// Client libraries name a link after its address, and add something of their own.
    public var maxNameSize: Int = 2_048

    /// Whether the frames of a connection with SASL are looked at before proton reads them, and after it has written them.
    /// Default true.
    ///
    /// Frames that would end the process, fill its memory or stop its output are refused then, and the connection is ended
    /// with an error that says what came. Flows with `echo` are answered, message formats known, and the peer's handle-max
    /// kept. Without it a peer's bytes can end the process: it is for measurements. It is not there for a peer that leaves
    /// SASL out.
    public var usesFrameLayer = true

    /// The default limits.
    public init() {}

    /// - Throws: `ProtonError.Code.invalidArgument` that names the first limit that makes no sense.
    package func validate() throws(ProtonError) {
        func check(_ holds: Bool, _ message: @autoclosure () -> String) throws(ProtonError) {
            if !holds { throw ProtonError(.invalidArgument, message()) }
        }
        try check(maxFrameSize >= 512, "maxFrameSize is \(maxFrameSize): it must be at least 512 bytes.")
        try check((1...65_536).contains(maxSessions), "maxSessions is \(maxSessions): it must be from 1 to 65,536.")
        try check(maxLinks >= 1, "maxLinks is \(maxLinks): it must be at least 1.")
        try check(maxMessageSize >= 1, "maxMessageSize is \(maxMessageSize): it must be at least 1 byte.")
        try check(maxIncompleteBytes >= 1, "maxIncompleteBytes is \(maxIncompleteBytes): it must be at least 1 byte.")
        try check(maxNameSize >= 1, "maxNameSize is \(maxNameSize): it must be at least 1 byte.")
        try check(maxUnsentBytes >= 1, "maxUnsentBytes is \(maxUnsentBytes): it must be at least 1 byte.")
        try check(
            sessionCapacity >= Int(maxFrameSize),
            "sessionCapacity is \(sessionCapacity): it must hold at least one frame of maxFrameSize, \(maxFrameSize).")
        try check(handshakeTimeout > .zero, "handshakeTimeout is \(handshakeTimeout): it must be above zero.")
        try check(closeTimeout > .zero, "closeTimeout is \(closeTimeout): it must be above zero.")
        try check(
            minimumRemoteIdleTimeout >= .zero,
            "minimumRemoteIdleTimeout is \(minimumRemoteIdleTimeout): it must be zero or more.")
        try check(
            idleTimeout >= .zero && idleTimeout.milliseconds <= Int64(UInt32.max),
            "idleTimeout is \(idleTimeout): it must be from zero to 49 days.")
    }
}
