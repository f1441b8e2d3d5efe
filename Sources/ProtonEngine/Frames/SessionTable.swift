// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// What the frames of one connection have said of its sessions and links: for answers to flows, and to tell what a peer
/// may not do.
///
/// Its entries are bounded: a peer that goes beyond what the connection may have breaks a rule.
struct SessionTable {
    /// Whether all frames of the peer's have come this way; where not, what they have attached and begun is not known.
    var knowsAll = false
    /// How many sessions the peer has begun and ended that this side has not begun yet.
    private var endedEarly = 0
    /// How many such sessions there may be: more than there are in the bytes that proton takes at once.
    static let mostEndedEarly = 2_048
    var sessions: [FrameSession] = []
    /// The session of each channel of the peer's; -1 is none.
    private var byPeer: [Int32] = []
    /// The session of each channel of this side's; -1 is none.
    private var byOurs: [Int32] = []
    private var free: [Int] = []
    /// What waits to be said in flows of this side's.
    private(set) var answers: [Answer] = []
    /// How many channels of the peer's are followed: 65,536 at most.
    let maxSessions: Int
    /// The lowest handle-max that the peer has said for a session.
    var peerHandleMax = UInt32.max
    /// How many deliveries dispositions have been about again, since the bytes before.
    var repeated = 0
    /// How much memory the attaches of all links may take, in bytes: 16 KiB a link that there may be, and at least 16 MiB.
    let linkMemory: Int
    /// How many links there may be at once, those included that one side has not detached yet.
    let linkLimit: Int

    /// A flow that the peer is owed.
    struct Answer: Equatable {
        let session: Int
        /// The link that it is for; nil for the session.
        let link: Int?
    }

    init(maxSessions: Int, maxLinks: Int) {
        self.maxSessions = min(maxSessions, 65_536)
        let links = min(maxLinks, 65_536)
        linkLimit = links + max(links, 256)
        linkMemory = max(links, 1_024) * 16_384
    }

    /// The session on a channel of the peer's.
    @inline(__always)
    func peerIndex(_ channel: UInt16) -> Int? {
        guard Int(channel) < byPeer.count else { return nil }
        let index = byPeer[Int(channel)]
        return index < 0 ? nil : Int(index)
    }

    /// The session on a channel of this side's.
    @inline(__always)
    func ourIndex(_ channel: UInt16) -> Int? {
        guard Int(channel) < byOurs.count else { return nil }
        let index = byOurs[Int(channel)]
        return index < 0 ? nil : Int(index)
    }

    /// Changes a session.
    @inline(__always)
    mutating func with<Result>(_ index: Int, _ body: (inout FrameSession) -> Result) -> Result {
        body(&sessions[index])
    }

    // MARK: Begin and end

    /// The peer begins a session, or answers a begin of this side's.
    mutating func peerBegins(_ channel: UInt16, answering ours: UInt16?) -> FrameViolation? {
        guard channel < maxSessions else { return .channel(channel, max: maxSessions - 1) }
        guard peerIndex(channel) == nil else { return .channelInUse(channel) }
        let index: Int
        if let ours {
            // Proton says that there is none where this side has begun none.
            guard let begun = ourIndex(ours) else { return nil }
            guard sessions[begun].peer == .none else { return .channelInUse(ours) }
            index = begun
        } else {
            guard endedEarly < SessionTable.mostEndedEarly else {
                return .sessions(limit: SessionTable.mostEndedEarly)
            }
            index = insert()
        }
        follow(index, on: channel)
        return nil
    }

    private mutating func follow(_ index: Int, on channel: UInt16) {
        SessionTable.set(Int32(index), at: channel, in: &byPeer)
        sessions[index].peer = .begun(channel)
    }

    /// The session on a channel of the peer's, also of one whose begin has not come this way.
    mutating func peerSession(_ channel: UInt16) -> Int? {
        if let index = peerIndex(channel) { return index }
        guard !knowsAll, channel < maxSessions else { return nil }
        follow(insert(), on: channel)
        return peerIndex(channel)
    }

    /// This side has begun a session, or answered a begin of the peer's.
    mutating func weBegin(_ channel: UInt16, answering peer: UInt16?) -> Int? {
        guard channel < 2 * maxSessions else { return nil }
        forgetOurs(channel)
        // Not the session before it on that channel of the peer's, of which this side has not sent the end.
        let index: Int
        if let peer, let known = peerSession(peer), sessions[known].ours == .none {
            index = known
        } else {
            // Of a session that the peer has ended already proton's begin names no channel.
            if peer == nil, endedEarly > 0 { endedEarly -= 1 }
            index = insert()
        }
        SessionTable.set(Int32(index), at: channel, in: &byOurs)
        sessions[index].ours = .begun(channel)
        if sessions[index].isOwed { answers.append(Answer(session: index, link: nil)) }
        return index
    }

    /// The peer ends a session.
    mutating func peerEnds(_ channel: UInt16) -> FrameViolation? {
        guard let index = peerIndex(channel) else { return knowsAll ? .noSession(channel) : nil }
        if sessions[index].ours == .none { endedEarly += 1 }
        forgetPeer(channel)
        return nil
    }

    private mutating func forgetPeer(_ channel: UInt16) {
        guard let index = peerIndex(channel) else { return }
        byPeer[Int(channel)] = -1
        sessions[index].peer = .ended
        forget(index)
    }

    mutating func forgetOurs(_ channel: UInt16) {
        guard let index = ourIndex(channel) else { return }
        byOurs[Int(channel)] = -1
        sessions[index].ours = .ended
        forget(index)
    }

    private mutating func forget(_ index: Int) {
        answers.removeAll { $0.session == index }
        if case .begun = sessions[index].peer { return }
        if case .begun = sessions[index].ours { return }
        sessions[index] = FrameSession()
        free.append(index)
    }

    private mutating func insert() -> Int {
        if let index = free.popLast() { return index }
        sessions.append(FrameSession())
        return sessions.count - 1
    }

    private static func set(_ index: Int32, at channel: UInt16, in table: inout [Int32]) {
        let missing = Int(channel) + 1 - table.count
        if missing > 0 { table.append(contentsOf: repeatElement(-1, count: missing)) }
        table[Int(channel)] = index
    }

    // MARK: Answers

    /// Notes that the peer is owed a flow for a session; it is due once this side has begun that.
    mutating func request(session: Int) {
        guard !exchange(&sessions[session].isOwed, with: true), case .begun = sessions[session].ours else { return }
        answers.append(Answer(session: session, link: nil))
    }

    /// Notes that the peer is owed a flow for a link; it is due once this side has attached that.
    mutating func request(link: Int, of session: Int) {
        guard !exchange(&sessions[session].links[link].isOwed, with: true),
            case .attached = sessions[session].links[link].ours
        else { return }
        answers.append(Answer(session: session, link: link))
    }

    /// This side has attached a link: what the peer is owed for it is due.
    mutating func weAttach(_ link: Int, as handle: UInt32, on session: Int) {
        sessions[session].weAttach(link, as: handle)
        if sessions[session].links[link].isOwed { answers.append(Answer(session: session, link: link)) }
    }

    /// Takes what is due: the frames of it.
    mutating func takeAnswers() -> [[UInt8]] {
        let due = answers
        answers.removeAll()
        return due.compactMap { answer in
            guard let link = answer.link else {
                sessions[answer.session].isOwed = false
                return sessions[answer.session].flow()
            }
            sessions[answer.session].links[link].isOwed = false
            return sessions[answer.session].flow(for: link)
        }
    }

    /// Drops what is due: the connection is closed.
    mutating func dropAnswers() { answers.removeAll() }

    /// Drops what is due for a link that is over.
    mutating func dropAnswer(for link: Int, of session: Int) {
        answers.removeAll { $0 == Answer(session: session, link: link) }
    }
}
