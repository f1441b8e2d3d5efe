// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What the frames of a session have said: the two windows, and the links on it (AMQP 1.0, 2.5.6 and 2.6.7).
struct FrameSession {
    var peer = Side.none
    var ours = Side.none
    /// How many transfers have come.
    var received: UInt32 = 0
    /// The id of the first transfer that came; nil until the peer has said so.
    var firstIncoming: UInt32?
    /// What this side has said last of how many transfers may come.
    var incomingWindow = Window.unknown
    /// The id of the next transfer of this side's.
    var nextOutgoing: UInt32 = 0
    var outgoingWindow: UInt32 = 0
    /// Whether the peer is owed a flow for the session.
    var isOwed = false
    /// How many transfers have gone.
    var sent: UInt32 = 0
    /// How much memory the peer's attaches take, in bytes.
    private(set) var weight = 0
    /// What dispositions have been about: first those of the peer as a sender, then those as a receiver.
    var dispositions = (asSender: DispositionCount(), asReceiver: DispositionCount(first: 0))
    var links: [FrameLink] = []
    private var freeLinks: [Int] = []
    /// The link of each handle of the peer's; -1 is none.
    private var byPeerHandle: [Int32] = []
    private var byOurHandle: [Int32] = []
    private var byName: [FrameLink.Name: Int] = [:]

    /// The highest handle that a peer may use: this side's handle-max, which its begin says (AMQP 1.0, 2.7.2).
    static let handleMax: UInt32 = 65_535
    /// The longest delivery tag, in bytes (AMQP 1.0, 2.8.7).
    static let maxTagSize = 32

    /// What a side has said of the session.
    enum Side: Equatable {
        case none
        /// It has begun the session, on this channel.
        case begun(UInt16)
        case ended
    }

    /// How many transfers this side lets come.
    enum Window {
        case unknown
        /// This many from the first one on.
        case initial(UInt32)
        /// Up to the transfer of this id, which is the first that may not come.
        case end(UInt32)
    }

    /// How many links are followed.
    var linkCount: Int { links.count - freeLinks.count }

    // MARK: Links

    @inline(__always)
    func link(peerHandle: UInt32) -> Int? {
        guard Int(peerHandle) < byPeerHandle.count else { return nil }
        let index = byPeerHandle[Int(peerHandle)]
        return index < 0 ? nil : Int(index)
    }

    @inline(__always)
    func link(ourHandle: UInt32) -> Int? {
        guard Int(ourHandle) < byOurHandle.count else { return nil }
        let index = byOurHandle[Int(ourHandle)]
        return index < 0 ? nil : Int(index)
    }

    func link(named name: FrameLink.Name) -> Int? { byName[name] }

    mutating func insert(_ link: FrameLink) -> Int {
        let index: Int
        if let free = freeLinks.popLast() {
            links[free] = link
            index = free
        } else {
            links.append(link)
            index = links.count - 1
        }
        byName[link.name] = index
        return index
    }

    mutating func peerAttaches(_ link: Int, as handle: UInt32, weight: Int = 0) {
        links[link].weight = weight
        self.weight += weight
        let missing = Int(handle) + 1 - byPeerHandle.count
        if missing > 0 { byPeerHandle.append(contentsOf: repeatElement(-1, count: missing)) }
        links[link].peer = .attached(handle)
        byPeerHandle[Int(handle)] = Int32(link)
    }

    mutating func weAttach(_ link: Int, as handle: UInt32) {
        let missing = Int(handle) + 1 - byOurHandle.count
        if missing > 0 { byOurHandle.append(contentsOf: repeatElement(-1, count: missing)) }
        links[link].ours = .attached(handle)
        byOurHandle[Int(handle)] = Int32(link)
    }

    /// - Returns: whether the link is over on both sides, and no longer followed.
    mutating func peerDetaches(_ link: Int) -> Bool {
        if case .attached(let handle) = links[link].peer, self.link(peerHandle: handle) == link {
            byPeerHandle[Int(handle)] = -1
        }
        links[link].peer = .detached
        return remove(link)
    }

    /// - Returns: whether the link is over on both sides, and no longer followed.
    mutating func weDetach(_ link: Int) -> Bool {
        if case .attached(let handle) = links[link].ours, self.link(ourHandle: handle) == link {
            byOurHandle[Int(handle)] = -1
        }
        links[link].ours = .detached
        // One that has no attach of the peer's, as far as is known here, may have had it before frames came this way.
        if links[link].peer == .none { links[link].peer = .detached }
        return remove(link)
    }

    private mutating func remove(_ link: Int) -> Bool {
        guard links[link].peer == .detached, links[link].ours == .detached else { return false }
        if byName[links[link].name] == link { byName[links[link].name] = nil }
        links[link].isOwed = false
        weight -= links[link].weight
        links[link].weight = 0
        freeLinks.append(link)
        return true
    }

    /// Whether this side receives on a link whose attach by the peer has not come this way.
    var receivesUnknown: Bool {
        links.contains { link in
            guard case .none = link.peer, case .attached = link.ours else { return false }
            return !link.name.weSend
        }
    }

    /// The oldest link of a name that this side has not attached.
    func unattachedLink(named name: FrameLink.Name) -> Int? {
        var found: Int?
        var next = byName[name]
        // Each is older than the one before; the bound is for what cannot happen.
        for _ in 0..<links.count {
            guard let link = next, links[link].name == name else { break }
            if links[link].ours == .none { found = link }
            next = links[link].replaces
        }
        return found
    }

    // MARK: Flows

    /// What a flow now says of the session; nil where that is not known.
    private var windows: FrameBytes.Windows? {
        guard case .begun = ours, let firstIncoming else { return nil }
        let next = firstIncoming &+ received
        let end: UInt32
        switch incomingWindow {
        case .unknown: return nil
        case .initial(let count): end = firstIncoming &+ count
        case .end(let id): end = id
        }
        return FrameBytes.Windows(
            nextIncomingID: next, incomingWindow: UInt32(max(0, Int32(bitPattern: end &- next))),
            nextOutgoingID: nextOutgoing, outgoingWindow: outgoingWindow)
    }

    /// A flow for the session.
    func flow() -> [UInt8]? {
        guard case .begun(let channel) = ours, let windows else { return nil }
        return FrameBytes.flow(channel: channel, windows)
    }

    /// A flow for a link.
    func flow(for link: Int) -> [UInt8]? {
        guard case .begun(let channel) = ours, let windows, case .attached(let handle) = links[link].ours else {
            return nil
        }
        let link = links[link]
        return FrameBytes.flow(
            channel: channel, windows, handle: handle, deliveryCount: link.deliveryCount, credit: link.credit,
            drain: link.isDraining)
    }
}
