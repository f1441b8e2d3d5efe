// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// What a peer has done wrong in its frames, for which the connection ends (AMQP 1.0, 2.8.15 to 2.8.18).
///
/// What concerns a link alone, and does not harm proton, is judged by the engine: see `Link.Violation`.
enum FrameViolation: Equatable {
    // MARK: Frames

    /// A frame is smaller than its header, or its header is smaller than one may be.
    case noFrame
    /// A frame is larger than this side allows.
    case frameSize(limit: Int)
    /// A frame is of a type that is none of AMQP's, or of SASL's, which is over.
    case frameType(UInt8)
    /// A frame holds no performative that there is.
    case performative
    /// The fields of a performative do not fill its list, or one has the wrong type.
    case encoding(Performative)
    /// A field that a performative has to have is not there.
    case missingField(Performative)
    /// There are more values in a performative than proton is to keep, or too deep ones.
    case values(Performative, most: Int)

    // MARK: The connection's state

    /// The first performative is not open.
    case notOpen
    /// There is more than one open.
    case openTwice

    // MARK: Sessions

    /// The channel is beyond this side's channel-max.
    case channel(UInt16, max: Int)
    /// A session is begun on a channel that has one, or an answer to a begin was answered before.
    case channelInUse(UInt16)
    /// There is no session on the channel.
    case noSession(UInt16)
    /// More sessions have been begun and ended than may wait for this side's begin.
    case sessions(limit: Int)

    // MARK: Links

    /// The handle is beyond this side's handle-max.
    case handle(UInt32)
    /// A link is attached with the handle of another.
    case handleInUse(UInt32)
    /// No link is attached with the handle.
    case noLink(UInt32)
    /// More links are attached than may be, those included that this side has not detached yet.
    case links(limit: Int)
    /// What the attaches of all links say takes too much memory.
    case linkMemory(limit: Int)
    /// A name is longer than this side takes.
    case nameSize(limit: Int)
    /// A name is no text, or has a zero byte.
    case name

    // MARK: Transfers

    /// A transfer breaks a rule.
    case transfer(FrameLink.TransferFault)

    /// Dispositions are about many more deliveries than there have been.
    case dispositions

    /// The performatives, for texts.
    enum Performative: UInt8 {
        case open = 0x10
        case begin, attach, flow, transfer, disposition, detach, end, close
    }

    /// What the peer and the program are told.
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
    /// What is wrong with a transfer.
    enum TransferFault: Equatable, CaseIterable {
        /// It is on a link on which this side sends.
        case wrongDirection
        /// It is a delivery's first, and has no delivery-id.
        case noDeliveryID
        /// It has another delivery-id than the transfers before it, and these have not ended their delivery.
        case otherDeliveryID
        /// It ends a delivery that has not a byte.
        case empty
        /// So many deliveries have come beyond the credit that the link's end has not stopped them.
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
