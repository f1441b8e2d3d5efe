// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonUtilities

/// Limits on the resources that one connection may use in this process; each has a safe default.
///
/// If the peer exceeds a limit, its link or its connection is closed with an error condition that names the limit. The program
/// receives `onLinkError` or `onConnectionError`; the endpoint's `condition` has the error. If the program itself would exceed a
/// limit, the call throws `ProtonError.Code.limitExceeded`.
public struct ConnectionLimits: Sendable, Hashable {
    /// The largest frame that the peer may send, in bytes: 512 to 4,294,967,295 (AMQP 1.0, 2.7.1). Default 65,536.
    public var maxFrameSize: UInt32 = 65_536
    /// The maximum number of sessions that exist, and that the peer may begin: 1 to 65,536 (`channel-max` + 1); proton allows at
    /// most 32,768. Default 64.
    public var maxSessions: Int = 64
    /// The maximum number of links on all sessions of the connection: at most 65,536. Default 1,024.
    public var maxLinks: Int = 1_024
    /// The maximum size of a received message, in bytes; a larger one is rejected, and its link closed. Default 16 MiB.
    public var maxMessageSize: Int = 16 * 1_024 * 1_024
    /// The maximum number of bytes of incomplete messages that are buffered, on all links of the connection together. Default 64
    /// MiB.
    ///
    /// One message of `maxMessageSize` is always accepted.
    public var maxIncompleteBytes: Int = 64 * 1_024 * 1_024
    /// The maximum number of unread bytes of transfers that a session buffers. Default 64 MiB.
    ///
    /// Proton gives a session an incoming window, in frames, of this number divided by `maxFrameSize`.
    public var sessionCapacity: Int = 64 * 1_024 * 1_024
    /// The maximum number of bytes of messages that wait until the peer reads them, on all links of the connection together.
    /// Default 16 MiB.
    ///
    /// Each message counts 1,024 bytes more. At the limit, `Sender.credit` is 0, whatever the peer's credit, and `send` throws
    /// `ProtonError.Code.noCredit`. After the waiting bytes are written, `onSendable` is called. Below the limit, one more
    /// message is accepted, whatever its size.
    public var maxUnsentBytes: Int = 16 * 1_024 * 1_024
    /// The maximum time from the first byte of a connection to the peer's open frame. Default 10 seconds.
    public var handshakeTimeout: Duration = .seconds(10)
    /// The time for the peer to answer the close of the connection, after it has read the output before. Default 10 seconds.
    ///
    /// After that the connection is dropped, and `onTransportError` is called. A peer may take ten times as long to read the
    /// output before the close.
    public var closeTimeout: Duration = .seconds(10)
    /// The minimum idle time-out that a peer may request, because this side has to send something in half of that time (AMQP 1.0,
    /// 2.4.5). Default 100 milliseconds; `.zero` allows any.
    ///
    /// A peer that requests a shorter one is refused with `amqp:not-allowed`.
    public var minimumRemoteIdleTimeout: Duration = .milliseconds(100)
    /// The maximum time without input before the connection is closed; `.zero` means no limit. Default 60 seconds.
    ///
    /// Half of it is sent to the peer (AMQP 1.0, 2.4.5), so that a heartbeat may be late. The time-out already applies during
    /// SASL: an authentication that takes longer fails, because the client sends nothing while it waits.
    public var idleTimeout: Duration = .seconds(60)
    /// Limits for decoding a message, or one field of the peer's, such as its properties, a filter or a state. Default: those of
    /// `DecodingLimits`.
    ///
    /// A message that exceeds them is an invalid message: see `MessagingHandler.onInvalidMessage`. A field that exceeds them
    /// reads as if it were absent.
    public var decoding = DecodingLimits.default

    /// The maximum length of a name that the peer sends, in bytes: of a link, of its container and of a host. Default 2,048.
    ///
    /// Client libraries derive the name of a link from its address, and append a suffix.
    public var maxNameSize: Int = 2_048

    /// Whether the frames of a connection with SASL are checked before proton reads them, and after it has written them. Default
    /// true.
    ///
    /// The check refuses frames that would end the process, fill its memory or stop its output; the connection is then ended with
    /// an error that describes the frame. The layer also answers flows with `echo`, records message formats, and keeps to the
    /// peer's handle-max. Without it, a peer's bytes can end the process: disable it only for measurements. It is not used for a
    /// peer that omits SASL.
    public var usesFrameLayer = true

    /// The default limits.
    public init() {}

    /// - Throws: `ProtonError.Code.invalidArgument` with the first limit that is invalid.
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
