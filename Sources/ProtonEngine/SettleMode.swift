// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import CProton

/// Whether a sender sends settled messages (AMQP 1.0, 2.8.2); a receiver uses it to request a mode from its sender.
public enum SenderSettleMode: Sendable, Hashable {
    /// Every message is sent unsettled, and the receiver answers with an outcome: delivery at least once.
    case unsettled
    /// Every message is sent settled, without an answer: delivery at most once.
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
    /// When it has an outcome.
    case first
    /// After the sender has settled (AMQP 1.0, 2.6.12).
    ///
    /// It applies if both sides set it: `Link.receiverSettleMode` and `remoteReceiverSettleMode`. If the peer answers with
    /// `first`, that applies. For a link that the peer made, a receiving program sets it in `onLinkOpening`; otherwise the answer
    /// is `first`. `Delivery.settle` then sends the outcome, and the library settles the delivery after the sender has settled. A
    /// sender settles when it has the outcome, unless `HandlerOptions.autoSettles` leaves that to the program.
    /// has. A sender settles as soon as it has the outcome, unless `HandlerOptions.autoSettles` leaves that to the program.
    case second

    init(_ code: pn_rcv_settle_mode_t) {
        self = code == PN_RCV_SECOND ? .second : .first
    }

    var code: pn_rcv_settle_mode_t {
        self == .second ? PN_RCV_SECOND : PN_RCV_FIRST
    }
}
