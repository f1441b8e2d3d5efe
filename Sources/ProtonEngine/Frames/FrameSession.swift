// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The state of a session according to its frames: the two windows, and its links (AMQP 1.0, 2.5.6 and 2.6.7).
struct FrameSession {
    var peer = Side.none
    var ours = Side.none
    /// The number of transfers received.
    var received: UInt32 = 0
    /// The id of the first transfer received; nil until the peer has sent it.
    var firstIncoming: UInt32?
    /// The incoming window that this side has sent last.
    var incomingWindow = Window.unknown
    /// The id of this side's next transfer.
    var nextOutgoing: UInt32 = 0
    var outgoingWindow: UInt32 = 0
    /// Whether a flow for the session is to be sent to the peer.
    var isOwed = false
    /// The number of transfers sent.
    var sent: UInt32 = 0
    /// The memory that the peer's attaches take, in bytes.
    private(set) var weight = 0
    /// The peer's dispositions, counted by its role: as sender and as receiver.
    var dispositions = (asSender: DispositionCount(), asReceiver: DispositionCount(first: 0))
    var links: [FrameLink] = []
    private var freeLinks: [Int] = []
    /// The link of each handle of the peer; -1 means none.
    private var byPeerHandle: [Int32] = []
    private var byOurHandle: [Int32] = []
    private var byName: [FrameLink.Name: Int] = [:]

    /// The highest handle that a peer may use: the `handle-max` in this side's begin (AMQP 1.0, 2.7.2).
    static let handleMax: UInt32 = 65_535
    /// The maximum length of a delivery tag, in bytes (AMQP 1.0, 2.8.7).
    static let maxTagSize = 32

    /// The state of one side of the session.
    enum Side: Equatable {
        case none
        /// It has begun the session, on this channel.
        case begun(UInt16)
        case ended
    }

    /// The incoming window of this side.
    enum Window {
        case unknown
        /// This number of transfers from the first one on.
        case initial(UInt32)
        /// Up to the transfer with this id, which is the first that is not allowed.
        case end(UInt32)
    }

    /// The number of links that are tracked.
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

    mutating func localAttach(_ link: Int, as handle: UInt32) {
        let missing = Int(handle) + 1 - byOurHandle.count
        if missing > 0 { byOurHandle.append(contentsOf: repeatElement(-1, count: missing)) }
        links[link].ours = .attached(handle)
        byOurHandle[Int(handle)] = Int32(link)
    }

    /// - Returns: whether both sides have detached the link, so that it is no longer tracked.
    mutating func peerDetaches(_ link: Int) -> Bool {
        if case .attached(let handle) = links[link].peer, self.link(peerHandle: handle) == link {
            byPeerHandle[Int(handle)] = -1
        }
        links[link].peer = .detached
        return remove(link)
    }

    /// - Returns: whether both sides have detached the link, so that it is no longer tracked.
    mutating func weDetach(_ link: Int) -> Bool {
        if case .attached(let handle) = links[link].ours, self.link(ourHandle: handle) == link {
            byOurHandle[Int(handle)] = -1
        }
        links[link].ours = .detached
        // The layer may not have seen the peer's attach of this link, so it does not wait for a detach.
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

    /// Whether this side receives on a link whose attach by the peer this layer has not seen.
    var receivesUnknown: Bool {
        links.contains { link in
            guard case .none = link.peer, case .attached = link.ours else { return false }
            return !link.name.isLocalSender
        }
    }

    /// The oldest link with a name that this side has not attached.
    func unattachedLink(named name: FrameLink.Name) -> Int? {
        var found: Int?
        var next = byName[name]
        // Each link is older than the one before, so the loop ends; the count limits it in any case.
        for _ in 0..<links.count {
            guard let link = next, links[link].name == name else { break }
            if links[link].ours == .none { found = link }
            next = links[link].replaces
        }
        return found
    }

    // MARK: Flows

    /// The session fields of a flow at this time; nil if they are not known.
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
