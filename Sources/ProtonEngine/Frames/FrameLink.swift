// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The state of a link according to its frames: its credit, and its current delivery.
struct FrameLink {
    /// A link's name in the form used for comparison: the hash of the name, which no peer can predict, and the direction.
    struct Name: Hashable {
        let hash: Int
        let isLocalSender: Bool
    }

    /// The state of one side of the link.
    enum Side: Equatable {
        case none
        /// It has attached the link with this handle.
        case attached(UInt32)
        case detached
    }

    let name: Name
    var peer = Side.none
    var ours = Side.none
    /// Whether the peer has attached another link with this name since (AMQP 1.0, 2.6.1).
    var isStolen = false
    /// The previous link with this name.
    let replaces: Int?
    /// The sender's delivery-count, as far as it is known.
    var deliveryCount: UInt32 = 0
    /// The delivery-count at which the receiver's credit ends.
    var creditEnd: UInt32 = 0
    /// Whether the receiver has requested a drain.
    var isDraining = false
    /// Whether the drain is still to be answered, on a link where this side is the sender.
    var awaitsDrainEnd = false
    /// Whether a flow for the link is to be sent to the peer.
    var isOwed = false
    /// The memory that the peer's attach takes, in bytes.
    var weight = 0
    /// The memory that a value of an attach takes, in bytes: proton stores 72, and the engine's answer copies them.
    static let bytesPerValue = 144
    /// The current delivery on a link where the peer is the sender.
    private var delivery = Delivery.none
    private var grant: Grant

    /// The current delivery of the peer.
    private enum Delivery {
        case none
        /// Transfers have arrived, and more will follow; `isEmpty` is true if they had no bytes.
        case incomplete(id: UInt32, isEmpty: Bool)
    }

    /// The credit that this side has issued, as far as it is known.
    private enum Grant {
        /// The link was attached before this layer saw frames, so its delivery-count is not known.
        case unknown
        /// The largest credit at one time.
        case most(UInt32)
    }

    /// The number of deliveries beyond the credit at which the connection ends, in addition to the largest credit.
    ///
    /// The engine closes the link at the first one, unless it allows for brokers that count twice: see `Link.Violation`. This
    /// limits the deliveries that arrive at the same time, or that are in transit.
    static let excess: UInt32 = 8_192

    init(name: Name, replaces: Int? = nil) {
        self.name = name
        self.replaces = replaces
        grant = .most(0)
    }

    /// A link whose attach this layer has not seen.
    init(unknown handle: UInt32) {
        name = Name(hash: Int(handle), isLocalSender: false)
        replaces = nil
        grant = .unknown
        ours = .detached
    }

    /// The remaining credit.
    var credit: UInt32 { UInt32(max(0, Int32(bitPattern: creditEnd &- deliveryCount))) }

    /// Records credit that this side issues.
    mutating func give(count: UInt32, credit: UInt32) {
        creditEnd = count &+ credit
        if case .most(let most) = grant { grant = .most(max(most, credit)) }
    }

    /// Records the initial delivery-count of the peer's attach.
    mutating func begin(at count: UInt32) {
        guard !name.isLocalSender else { return }
        // Credit that was issued before counts from there.
        creditEnd = count &+ credit
        deliveryCount = count
    }

    /// Records that the peer, as sender, has used or returned credit up to a delivery-count.
    mutating func advance(to count: UInt32) {
        if Int32(bitPattern: count &- deliveryCount) > 0 { deliveryCount = count }
    }

    // MARK: Transfers

    /// The fields of a peer's transfer that are needed to check it.
    struct Transfer {
        let handle: UInt32
        let deliveryID: UInt32?
        let isComplete: Bool
        let isAborted: Bool
        let isEmpty: Bool
    }

    /// Counts and checks a transfer of the peer.
    /// - Returns: the violation; nil if there is none.
    @inline(__always)
    mutating func take(_ transfer: Transfer) -> TransferFault? {
        guard !name.isLocalSender else { return .wrongDirection }
        let wasEmpty: Bool
        let id: UInt32
        switch delivery {
        case .none:
            guard let first = transfer.deliveryID else { return .noDeliveryID }
            deliveryCount &+= 1
            if Int32(bitPattern: creditEnd &- deliveryCount) < 0, isBeyondCredit { return .credit }
            (id, wasEmpty) = (first, true)
        case .incomplete(let first, let isEmpty):
            if let other = transfer.deliveryID, other != first { return .otherDeliveryID }
            (id, wasEmpty) = (first, isEmpty)
        }
        guard !transfer.isAborted else {
            delivery = .none
            return nil
        }
        let isEmpty = wasEmpty && transfer.isEmpty
        guard transfer.isComplete else {
            delivery = .incomplete(id: id, isEmpty: isEmpty)
            return nil
        }
        delivery = .none
        return isEmpty ? .empty : nil
    }

    /// Whether too many deliveries have arrived beyond the credit.
    private var isBeyondCredit: Bool {
        guard case .most(let most) = grant else { return false }
        return deliveryCount &- creditEnd > FrameLink.excess &+ min(most, UInt32(Int32.max) - FrameLink.excess)
    }
}
