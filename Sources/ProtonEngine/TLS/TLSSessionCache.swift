// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ProtonUtilities

/// The sessions that a client can resume, for the options of the cache (RFC 8446, 2.2).
///
/// A session is used once, so that an observer cannot see that two connections belong to the same client (RFC 8446, C.4). The
/// cache keeps at most four sessions for each server, and at most 64 servers; the oldest are removed first.
final class TLSSessionCache: Sendable {
    /// `@unchecked Sendable`: the code that takes it out of the list has the only reference.
    private final class Kept: @unchecked Sendable {
        let state: OpaquePointer
        init(_ state: OpaquePointer) { self.state = state }
        deinit { SSL_SESSION_free(state) }
    }

    private static let (maxServers, maxSessions) = (64, 4)
    /// The newest server, and its newest session, are last.
    private let servers = UncheckedMutex<[(key: String, sessions: [Kept])]>([])

    /// Keeps a session, and takes over its reference.
    func keep(_ state: OpaquePointer, for key: String) {
        servers.withLock { servers in
            let index = servers.firstIndex { $0.key == key }
            var sessions = index.map { servers.remove(at: $0).sessions } ?? []
            sessions.append(Kept(state))
            servers.append((key, sessions.suffix(TLSSessionCache.maxSessions)))
            if servers.count > TLSSessionCache.maxServers { servers.removeFirst() }
        }
    }

    /// Makes a connection offer the newest session of its server, if there is one.
    func use(_ key: String, in ssl: OpaquePointer) {
        let kept: Kept? = servers.withLock { servers in
            guard let index = servers.firstIndex(where: { $0.key == key }) else { return nil }
            while let newest = servers[index].sessions.popLast() {
                // OpenSSL invalidates the last session of a connection that ends without a `close_notify`.
                if SSL_SESSION_is_resumable(newest.state) == 1 { return newest }
            }
            return nil
        }
        if let kept { SSL_set_session(ssl, kept.state) }
    }
}
