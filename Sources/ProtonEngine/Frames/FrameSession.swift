/// What the frames of a session have said: the two windows, and the links on it (AMQP 1.0, 2.5.6 and 2.6.7).
struct FrameSession {
    var peerChannel: UInt16?
    var ourChannel: UInt16?
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
    var links: [FrameLink] = []
    private var freeLinks: [Int] = []
    private var byPeerHandle: [UInt32: Int] = [:]
    private var byOurHandle: [Int32] = []
    private var byName: [FrameLink.Name: Int] = [:]

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

    func link(peerHandle: UInt32) -> Int? { byPeerHandle[peerHandle] }

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

    mutating func peerAttaches(_ link: Int, as handle: UInt32) {
        links[link].peer = .attached(handle)
        byPeerHandle[handle] = link
    }

    mutating func weAttach(_ link: Int, as handle: UInt32) {
        let missing = Int(handle) + 1 - byOurHandle.count
        if missing > 0 { byOurHandle.append(contentsOf: repeatElement(-1, count: missing)) }
        links[link].ours = .attached(handle)
        byOurHandle[Int(handle)] = Int32(link)
    }

    /// - Returns: whether the link is over on both sides, and no longer followed.
    mutating func peerDetaches(_ link: Int) -> Bool {
        if case .attached(let handle) = links[link].peer, byPeerHandle[handle] == link { byPeerHandle[handle] = nil }
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
        freeLinks.append(link)
        return true
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
        guard ourChannel != nil, let firstIncoming else { return nil }
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
        guard let ourChannel, let windows else { return nil }
        return FrameBytes.flow(channel: ourChannel, windows)
    }

    /// A flow for a link.
    func flow(for link: Int) -> [UInt8]? {
        guard let ourChannel, let windows, case .attached(let handle) = links[link].ours else { return nil }
        let link = links[link]
        return FrameBytes.flow(
            channel: ourChannel, windows, handle: handle, deliveryCount: link.deliveryCount, credit: link.credit,
            drain: link.isDraining)
    }
}

/// What the frames of a link have said of its credit.
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

    init(name: Name, replaces: Int? = nil) {
        self.name = name
        self.replaces = replaces
    }

    /// The credit that is left.
    var credit: UInt32 { UInt32(max(0, Int32(bitPattern: creditEnd &- deliveryCount))) }
}
