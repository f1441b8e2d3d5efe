// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonEngine
import Synchronization

/// The broker's users, behind a guard that delays and logs failed authentications.
///
/// The outcome is delayed whether or not it is a success: a client that tries many passwords over many connections learns no
/// sooner which of them is correct.
final class GuardedUsers: Authenticator {
    private let users: any Authenticator
    private let throttle = Mutex(LoginThrottle())
    private let clock: QueueClock
    private let limitLog: LimitLog
    /// The time limit of a handshake, after which its connection is closed.
    private let handshakeTimeout: Duration
    private let pause: @Sendable (Duration) async -> Void

    /// - Parameter pause: suspends the task for a time.
    init(
        _ users: any Authenticator, _ clock: QueueClock, _ limitLog: LimitLog, handshakeTimeout: Duration,
        pause: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) {
        (self.users, self.clock, self.limitLog) = (users, clock, limitLog)
        (self.handshakeTimeout, self.pause) = (handshakeTimeout, pause)
    }

    // MARK: Decisions of the users

    var mechanisms: Set<SASLMechanism> { users.mechanisms }
    var decoyIterations: Int { users.decoyIterations }

    func verify(_ login: PasswordLogin) async throws -> Bool {
        // Rules use this name for peers that have not authenticated.
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

    // MARK: Outcomes

    func accepted(_ attempt: LoginAttempt) async {
        await users.accepted(attempt)
        let (host, user) = key(of: attempt)
        await wait(throttle.withLock { [now = clock.now] in $0.admit(host, user, at: now) })
        // The client may have disconnected meanwhile.
        if !Task.isCancelled { throttle.withLock { $0.noteSuccess(host, user) } }
    }

    func refused(_ attempt: LoginAttempt) async {
        await users.refused(attempt)
        let (host, user) = key(of: attempt)
        let verdict = throttle.withLock { [now = clock.now] throttle in
            let verdict = throttle.admit(host, user, at: now)
            // If it could not be checked, that is not the client's fault.
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
