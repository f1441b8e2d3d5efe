// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the frames of a link have said of its credit, and of the delivery that is under way on it.
struct FrameLink {
    /// A link's name as frames are compared by: the name's hash, which no peer can foresee, and the direction.
    struct Name: Hashable {
        let hash: Int
        let weSend: Bool
    }

    /// What a side has said of the link.
    enum Side: Equatable {
        case none
        /// It has attached the link, as this handle.
        case attached(UInt32)
        case detached
    }

    let name: Name
    var peer = Side.none
    var ours = Side.none
    /// Whether the peer has attached another link of this name meanwhile (AMQP 1.0, 2.6.1).
    var isStolen = false
    /// The link of this name before this one.
    let replaces: Int?
    /// The sender's delivery-count, as far as it is known here.
    var deliveryCount: UInt32 = 0
    /// The delivery-count at which the credit ends that the receiver has given.
    var creditEnd: UInt32 = 0
    /// Whether the receiver wants its credit used or given back.
    var isDraining = false
    /// Whether that is still owed to it, on a link where this side sends.
    var awaitsDrainEnd = false
    /// Whether the peer is owed a flow for the link.
    var isOwed = false
    /// How much memory the peer's attach takes, in bytes.
    var weight = 0
    /// How much memory a value of an attach takes, in bytes: proton keeps 72, and the engine's answer copies them.
    static let bytesPerValue = 144
    /// What is under way on a link on which the peer sends.
    private var delivery = Delivery.none
    private var grant: Grant

    /// The delivery of the peer's that is under way.
    private enum Delivery {
        case none
        /// Transfers have come, and more are to come; `isEmpty` is whether there was no byte in them.
        case incomplete(id: UInt32, isEmpty: Bool)
    }

    /// What is known of the credit that this side has given.
    private enum Grant {
        /// The link was attached before frames came this way: its delivery-count is not known.
        case unknown
        /// The most that there was at once.
        case most(UInt32)
    }

    /// How many deliveries may come beyond the credit before the connection ends for it, besides as many as there was
    /// credit for.
    ///
    /// The engine ends the link at the first one, and forgives brokers that count twice: see `Link.Violation`. What came
    /// with it, or was on its way, is bounded by this.
    static let excess: UInt32 = 8_192

    init(name: Name, replaces: Int? = nil) {
        self.name = name
        self.replaces = replaces
        grant = .most(0)
    }

    /// A link whose attach has not come this way.
    init(unknown handle: UInt32) {
        name = Name(hash: Int(handle), weSend: false)
        replaces = nil
        grant = .unknown
        ours = .detached
    }

    /// The credit that is left.
    var credit: UInt32 { UInt32(max(0, Int32(bitPattern: creditEnd &- deliveryCount))) }

    /// This side gives credit.
    mutating func give(count: UInt32, credit: UInt32) {
        creditEnd = count &+ credit
        if case .most(let most) = grant { grant = .most(max(most, credit)) }
    }

    /// The peer has attached the link, and its deliveries count from here.
    mutating func begin(at count: UInt32) {
        guard !name.weSend else { return }
        // Credit that was given before counts from there.
        creditEnd = count &+ credit
        deliveryCount = count
    }

    /// The peer, which sends, has used or given back credit up to a delivery-count.
    mutating func advance(to count: UInt32) {
        if Int32(bitPattern: count &- deliveryCount) > 0 { deliveryCount = count }
    }

    // MARK: Transfers

    /// A transfer of the peer's, as far as the rules about it need it.
    struct Transfer {
        let handle: UInt32
        let deliveryID: UInt32?
        let isComplete: Bool
        let isAborted: Bool
        let isEmpty: Bool
    }

    /// Takes a transfer of the peer's.
    /// - Returns: what is wrong with it; nil where nothing is.
    @inline(__always)
    mutating func take(_ transfer: Transfer) -> TransferFault? {
        guard !name.weSend else { return .wrongDirection }
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

    /// Whether more has come beyond the credit than the link's end accounts for.
    private var isBeyondCredit: Bool {
        guard case .most(let most) = grant else { return false }
        return deliveryCount &- creditEnd > FrameLink.excess &+ min(most, UInt32(Int32.max) - FrameLink.excess)
    }
}
