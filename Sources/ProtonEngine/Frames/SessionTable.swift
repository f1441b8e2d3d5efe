// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonUtilities

/// The state of a connection's sessions and links according to its frames, to answer flows and to detect violations.
///
/// Its size is limited: a peer that exceeds the limits of the connection violates a rule.
struct SessionTable {
    /// Whether this layer has seen all frames of the peer; if not, there may be sessions and links that it does not know.
    var knowsAll = false
    /// The number of sessions that the peer has begun and ended, and that this side has not begun yet.
    private var endedEarly = 0
    /// The maximum number of such sessions: more than fit in the bytes that proton processes at once.
    static let mostEndedEarly = 2_048
    var sessions: [FrameSession] = []
    /// The session of each channel of the peer; -1 means none.
    private var byPeer: [Int32] = []
    /// The session of each channel of this side; -1 means none.
    private var byOurs: [Int32] = []
    private var free: [Int] = []
    /// The flows that this side has to send as answers.
    private(set) var answers: [Answer] = []
    /// The number of the peer's channels that are tracked: at most 65,536.
    let maxSessions: Int
    /// The lowest handle-max that the peer has sent for a session.
    var peerHandleMax = UInt32.max
    /// The number of settled deliveries in dispositions, in the current bytes.
    var repeated = 0
    /// The maximum memory for the attaches of all links, in bytes: 16 KiB for each allowed link, and at least 16 MiB.
    let linkMemory: Int
    /// The maximum number of links, including those that one side has not detached yet.
    let linkLimit: Int

    /// A flow that answers the peer.
    struct Answer: Equatable {
        let session: Int
        /// The link of the flow; nil for a flow of the session.
        let link: Int?
    }

    init(maxSessions: Int, maxLinks: Int) {
        self.maxSessions = min(maxSessions, 65_536)
        let links = min(maxLinks, 65_536)
        linkLimit = links + max(links, 256)
        linkMemory = max(links, 1_024) * 16_384
    }

    /// The session on a channel of the peer.
    @inline(__always)
    func peerIndex(_ channel: UInt16) -> Int? {
        guard Int(channel) < byPeer.count else { return nil }
        let index = byPeer[Int(channel)]
        return index < 0 ? nil : Int(index)
    }

    /// The session on a channel of this side.
    @inline(__always)
    func ourIndex(_ channel: UInt16) -> Int? {
        guard Int(channel) < byOurs.count else { return nil }
        let index = byOurs[Int(channel)]
        return index < 0 ? nil : Int(index)
    }

    /// Changes a session in place.
    @inline(__always)
    mutating func with<Result>(_ index: Int, _ body: (inout FrameSession) -> Result) -> Result {
        body(&sessions[index])
    }

    // MARK: Begin and end

    /// Handles a begin of the peer, which may answer one of this side.
    mutating func peerBegins(_ channel: UInt16, answering ours: UInt16?) -> FrameViolation? {
        guard channel < maxSessions else { return .channel(channel, max: maxSessions - 1) }
        guard peerIndex(channel) == nil else { return .channelInUse(channel) }
        let index: Int
        if let ours {
            // If this side has begun no session there, proton reports the error.
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

    /// The session on a channel of the peer, also if this layer has not seen its begin.
    mutating func peerSession(_ channel: UInt16) -> Int? {
        if let index = peerIndex(channel) { return index }
        guard !knowsAll, channel < maxSessions else { return nil }
        follow(insert(), on: channel)
        return peerIndex(channel)
    }

    /// Handles a begin of this side, which may answer one of the peer.
    mutating func localBegin(_ channel: UInt16, answering peer: UInt16?) -> Int? {
        guard channel < 2 * maxSessions else { return nil }
        forgetOurs(channel)
        // The session before on the peer's channel is not meant, even if this side has not sent its end.
        let index: Int
        if let peer, let known = peerSession(peer), sessions[known].ours == .none {
            index = known
        } else {
            // If the peer has already ended the session, proton's begin has no remote channel.
            if peer == nil, endedEarly > 0 { endedEarly -= 1 }
            index = insert()
        }
        SessionTable.set(Int32(index), at: channel, in: &byOurs)
        sessions[index].ours = .begun(channel)
        if sessions[index].isOwed { answers.append(Answer(session: index, link: nil)) }
        return index
    }

    /// Handles an end of the peer.
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

    /// Requests a flow for a session; it is sent after this side has begun the session.
    mutating func request(session: Int) {
        guard !exchange(&sessions[session].isOwed, with: true), case .begun = sessions[session].ours else { return }
        answers.append(Answer(session: session, link: nil))
    }

    /// Requests a flow for a link; it is sent after this side has attached the link.
    mutating func request(link: Int, of session: Int) {
        guard !exchange(&sessions[session].links[link].isOwed, with: true),
            case .attached = sessions[session].links[link].ours
        else { return }
        answers.append(Answer(session: session, link: link))
    }

    /// Handles an attach of this side: a requested flow for the link can be sent now.
    mutating func localAttach(_ link: Int, as handle: UInt32, on session: Int) {
        sessions[session].localAttach(link, as: handle)
        if sessions[session].links[link].isOwed { answers.append(Answer(session: session, link: link)) }
    }

    /// Takes the pending answers as frames.
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

    /// Drops the pending answers, because the connection is closed.
    mutating func dropAnswers() { answers.removeAll() }

    /// Drops the pending answer for a detached link.
    mutating func dropAnswer(for link: Int, of session: Int) {
        answers.removeAll { $0 == Answer(session: session, link: link) }
    }
}
