// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// Whether a sender settles what it sends (AMQP 1.0, 2.8.2); of a receiver, what it asks its sender for.
public enum SenderSettleMode: Sendable, Hashable {
    /// Every message is sent unsettled: the receiver answers with an outcome. At least once.
    case unsettled
    /// Every message is sent settled: no answer comes. At most once.
    case settled
    /// The sender decides for each message.
    case mixed

    init(_ code: pn_snd_settle_mode_t) {
        switch code {
        case PN_SND_UNSETTLED: self = .unsettled
        case PN_SND_SETTLED: self = .settled
        default: self = .mixed
        }
    }

    var code: pn_snd_settle_mode_t {
        switch self {
        case .unsettled: PN_SND_UNSETTLED
        case .settled: PN_SND_SETTLED
        case .mixed: PN_SND_MIXED
        }
    }
}

/// When a receiver settles (AMQP 1.0, 2.8.3).
public enum ReceiverSettleMode: Sendable, Hashable {
    /// As soon as it has an outcome.
    case first
    /// Once the sender has settled (AMQP 1.0, 2.6.12).
    ///
    /// It holds where both sides say so: `Link.receiverSettleMode` and `remoteReceiverSettleMode`; a peer that answers with
    /// `first` gets that. Of a link that the peer made, a program that receives sets it in `onLinkOpening`, or answers with
    /// `first`. `Delivery.settle` then tells the outcome, and the library keeps the delivery and settles it when the sender
    /// has. A sender settles as soon as it has the outcome, unless `HandlerOptions.autoSettles` leaves that to the program.
    case second

    init(_ code: pn_rcv_settle_mode_t) {
        self = code == PN_RCV_SECOND ? .second : .first
    }

    var code: pn_rcv_settle_mode_t {
        self == .second ? PN_RCV_SECOND : PN_RCV_FIRST
    }
}
