// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// A violation in a peer's frames, for which the connection ends (AMQP 1.0, 2.8.15 to 2.8.18).
///
/// Violations that concern only one link, and do not harm proton, are detected by the engine: see `Link.Violation`.
enum FrameViolation: Equatable {
    // MARK: Frames

    /// A frame is smaller than its header, or its header is smaller than the minimum.
    case noFrame
    /// A frame is larger than this side allows.
    case frameSize(limit: Int)
    /// The type of a frame is neither AMQP nor SASL, or it is SASL after the SASL exchange has ended.
    case frameType(UInt8)
    /// A frame has an unknown performative.
    case performative
    /// The fields of a performative do not fill its list exactly, or one has the wrong type.
    case encoding(Performative)
    /// A mandatory field of a performative is missing.
    case missingField(Performative)
    /// A performative has more values than the limit, or they are nested too deep.
    case values(Performative, most: Int)

    // MARK: The connection's state

    /// The first performative is not open.
    case notOpen
    /// There is more than one open.
    case openTwice

    // MARK: Sessions

    /// The channel exceeds this side's channel-max.
    case channel(UInt16, max: Int)
    /// A begin uses a channel that has a session, or answers a begin that was answered before.
    case channelInUse(UInt16)
    /// There is no session on the channel.
    case noSession(UInt16)
    /// The peer has begun and ended more sessions than may wait for this side's begin.
    case sessions(limit: Int)

    // MARK: Links

    /// The handle exceeds this side's handle-max.
    case handle(UInt32)
    /// An attach uses the handle of another link.
    case handleInUse(UInt32)
    /// No link is attached with the handle.
    case noLink(UInt32)
    /// There are more attached links than allowed, including those that this side has not detached yet.
    case links(limit: Int)
    /// The attaches of all links take too much memory.
    case linkMemory(limit: Int)
    /// A name is longer than this side allows.
    case nameSize(limit: Int)
    /// A name is not valid text, or has a zero byte.
    case name

    // MARK: Transfers

    /// A transfer breaks a rule.
    case transfer(FrameLink.TransferFault)

    /// Dispositions have many more deliveries than there were.
    case dispositions

    /// The performatives, with names for texts.
    enum Performative: UInt8 {
        case open = 0x10
        case begin, attach, flow, transfer, disposition, detach, end, close
    }

    /// The error condition for the peer and the program.
    var condition: Condition {
        switch self {
        case .noFrame: Condition(.framingError, "What came is no frame.")
        case .frameSize(let limit): Condition(.framingError, "A frame is larger than \(limit) bytes.")
        case .frameType(let type): Condition(.framingError, "A frame is of type \(type), which is not allowed here.")
        case .performative: Condition(.decodeError, "A frame has no performative of AMQP 1.0.")
        case .encoding(let performative):
            Condition(.decodeError, "The fields of a frame are not those of \(performative).")
        case .missingField(let performative):
            Condition(.invalidField, "A field that \(performative) has to have is missing.")
        case .values(let performative, let most):
            Condition(
                .resourceLimitExceeded,
                "There are more than \(most) values in \(performative), or some nested deeper than \(FrameValues.depth)."
            )
        case .notOpen: Condition(.illegalState, "A frame came before open.")
        case .openTwice: Condition(.illegalState, "The connection was opened twice.")
        case .channel(let channel, let max):
            Condition(.framingError, "Channel \(channel) is above channel-max \(max).")
        case .channelInUse(let channel): Condition(.illegalState, "Channel \(channel) is in use.")
        case .noSession(let channel): Condition(.notAllowed, "There is no session on channel \(channel).")
        case .sessions(let limit):
            Condition(.resourceLimitExceeded, "More than \(limit) sessions were begun and ended without an answer.")
        case .handle(let handle):
            Condition(.framingError, "Handle \(handle) is above handle-max \(FrameSession.handleMax).")
        case .handleInUse(let handle): Condition(.handleInUse, "Handle \(handle) is in use.")
        case .noLink(let handle): Condition(.unattachedHandle, "No link is attached with handle \(handle).")
        case .links(let limit):
            Condition(
                .resourceLimitExceeded,
                "More links were attached than are allowed, those included that are being detached: \(limit).")
        case .linkMemory(let limit):
            Condition(.resourceLimitExceeded, "The attaches of all links take more than \(limit) bytes.")
        case .nameSize(let limit): Condition(.resourceLimitExceeded, "A name is longer than \(limit) bytes.")
        case .name: Condition(.invalidField, "The name of a link is no text, or has a zero byte.")
        case .transfer(let fault): fault.condition
        case .dispositions:
            Condition(.resourceLimitExceeded, "Dispositions are about many more deliveries than there have been.")
        }
    }
}

extension FrameLink {
    /// The violation in a transfer.
    enum TransferFault: Equatable, CaseIterable {
        /// It is on a link where this side is the sender.
        case wrongDirection
        /// It is the first of a delivery, and has no delivery-id.
        case noDeliveryID
        /// It has another delivery-id than the transfers before it, whose delivery has not ended.
        case otherDeliveryID
        /// It ends a delivery without any bytes.
        case empty
        /// Too many deliveries have arrived beyond the credit, although the link is closed.
        case credit

        fileprivate var condition: Condition {
            switch self {
            case .wrongDirection: Condition(.notAllowed, "A transfer came on a link that its peer receives from.")
            case .noDeliveryID: Condition(.invalidField, "The first transfer of a delivery has no delivery-id.")
            case .otherDeliveryID: Condition(.invalidField, "The delivery-id changed within a delivery.")
            case .empty: Condition(.decodeError, "A delivery has no bytes: a message has a body.")
            case .credit:
                Condition(.transferLimitExceeded, "Many more messages were sent than there was credit for.")
            }
        }
    }
}
