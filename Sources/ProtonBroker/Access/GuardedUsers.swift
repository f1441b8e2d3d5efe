// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonEngine
import Synchronization

/// The broker's users, with a guard in front of them: who fails to log in is held up, and the log hears of it.
///
/// The outcome of a log-in comes at its turn, whether it is the right one: who tries many passwords over many connections
/// learns no sooner which of them was right.
final class GuardedUsers: Authenticator {
    private let users: any Authenticator
    private let throttle = Mutex(LoginThrottle())
    private let clock: QueueClock
    private let limitLog: LimitLog
    /// How long a handshake may take: by then its connection is over.
    private let handshakeTimeout: Duration
    private let pause: @Sendable (Duration) async -> Void

    /// - Parameter pause: waits.
    init(
        _ users: any Authenticator, _ clock: QueueClock, _ limitLog: LimitLog, handshakeTimeout: Duration,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        (self.users, self.clock, self.limitLog) = (users, clock, limitLog)
        (self.handshakeTimeout, self.pause) = (handshakeTimeout, pause)
    }

    // MARK: What the users decide

    var mechanisms: Set<SASLMechanism> { users.mechanisms }
    var decoyIterations: Int { users.decoyIterations }

    func verify(_ login: PasswordLogin) async throws -> Bool {
        // Rules have the name for peers that have not logged in.
        let isRight = try await users.verify(login)
        return isRight && login.user != Principal.anonymousName
    }

    func scramCredential(for user: String, hash: SCRAMHash) async throws -> SCRAMCredential? {
        let credential = try await users.scramCredential(for: user, hash: hash)
        return user == Principal.anonymousName ? nil : credential
    }

    func admits(certificateUser: String) async throws -> Bool {
        guard certificateUser != Principal.anonymousName else { return false }
        return try await users.admits(certificateUser: certificateUser)
    }

    func permits(_ user: String, toActAs authorization: String) async throws -> Bool {
        guard authorization != Principal.anonymousName else { return false }
        return try await users.permits(user, toActAs: authorization)
    }

    // MARK: How it went

    func accepted(_ attempt: LoginAttempt) async {
        await users.accepted(attempt)
        let (host, user) = key(of: attempt)
        await wait(throttle.withLock { [now = clock.now] in $0.admit(host, user, at: now) })
        // The client may be gone meanwhile.
        if !Task.isCancelled { throttle.withLock { $0.noteSuccess(host, user) } }
    }

    func refused(_ attempt: LoginAttempt) async {
        await users.refused(attempt)
        let (host, user) = key(of: attempt)
        let verdict = throttle.withLock { [now = clock.now] throttle in
            let verdict = throttle.admit(host, user, at: now)
            // That it could not be checked is not the client's fault.
            if attempt.outcome != .unavailable { throttle.noteFailure(host, user, at: now) }
            return verdict
        }
        limitLog.note(
            .login, "'\(user.text.escapedForLog)': \(attempt.summary)", address: nil,
            peer: attempt.peer.address ?? "unknown")
        await wait(verdict)
    }

    private func key(of attempt: LoginAttempt) -> (PeerHost?, UserName) {
        (attempt.peer.address.flatMap { PeerHost($0) }, UserName(attempt.user ?? ""))
    }

    private func wait(_ verdict: LoginThrottle.Verdict) async {
        switch verdict {
        case .tryAfter(0): return
        case .tryAfter(let milliseconds): await pause(.milliseconds(milliseconds))
        // Too many wait before it: the deadline of the handshake comes first.
        case .refuse: await pause(handshakeTimeout + .seconds(1))
        }
    }
}
