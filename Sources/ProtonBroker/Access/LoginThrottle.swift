// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// When a log-in may be tried that follows others that failed: the more, the later.
///
/// Times are in milliseconds of a clock that nobody sets. What is known is bounded: where there are too many records, the
/// oldest go.
struct LoginThrottle {
    /// What becomes of a try.
    enum Verdict: Equatable {
        /// It is made after so many milliseconds, 0 for at once.
        case tryAfter(Int64)
        /// It is refused without a look at the password: too many wait already.
        case refuse
    }

    /// Whose failures are counted.
    private struct Key: Hashable {
        let host: PeerHost?
        /// Nil counts the failures of all users of a host.
        let user: UserName?
    }

    private struct Record {
        var failures = 0
        var lastFailure: Int64
        /// When the next try may be made.
        var nextTry: Int64
    }

    private var records: [Key: Record] = [:]

    /// How many failures of a user from one host cost no time.
    static let freeFailures = 3
    /// The same of a host, whatever the users.
    static let freeFailuresOfHost = 20
    static let firstDelay: Int64 = 250
    /// The longest delay, and the longest wait for those before; below the time that a handshake may take.
    static let maxDelay: Int64 = 5_000
    /// After how long without a failure one is forgotten.
    static let memory: Int64 = 600_000
    static let maxRecords = 8_192

    var count: Int { records.count }

    /// Somebody is about to try: its turn is kept, so that many connections try no faster than one.
    mutating func admit(_ host: PeerHost?, _ user: UserName, at now: Int64) -> Verdict {
        let keys = keys(host, user)
        let start = keys.map { records[$0]?.nextTry ?? now }.reduce(now, max)
        guard start - now <= LoginThrottle.maxDelay else { return .refuse }
        for key in keys {
            guard let record = records[key], now - record.lastFailure < LoginThrottle.memory else {
                records[key] = nil
                continue
            }
            // A user that is waited for does not hold up the others of the host.
            records[key]?.nextTry = max(now, record.nextTry) + LoginThrottle.delay(key, record.failures)
        }
        return .tryAfter(start - now)
    }

    /// A try has failed.
    /// - Returns: how often it has by now.
    @discardableResult
    mutating func noteFailure(_ host: PeerHost?, _ user: UserName, at now: Int64) -> Int {
        var failures = 0
        for key in keys(host, user) {
            if records[key] == nil { makeRoom(at: now) }
            var record = records[key] ?? Record(lastFailure: now, nextTry: now)
            record.failures += 1
            record.lastFailure = now
            record.nextTry = max(record.nextTry, now + LoginThrottle.delay(key, record.failures))
            records[key] = record
            if key.user != nil { failures = record.failures }
        }
        return failures
    }

    /// A try has succeeded: what this user failed at from there is forgotten. What the host did is not, since one user of
    /// its own would else be enough to try others' passwords.
    mutating func noteSuccess(_ host: PeerHost?, _ user: UserName) {
        if let own = keys(host, user).first { records[own] = nil }
    }

    /// This machine is one host for many: of its peers only those of the same user count together.
    private func keys(_ host: PeerHost?, _ user: UserName) -> [Key] {
        // A name that no user has may be as long as a frame.
        let own = Key(host: host, user: UserName(String(user.text.prefix(256))))
        guard let host, !host.isLoopback else { return [own] }
        return [own, Key(host: host, user: nil)]
    }

    private static func delay(_ key: Key, _ failures: Int) -> Int64 {
        let free = key.user == nil ? LoginThrottle.freeFailuresOfHost : LoginThrottle.freeFailures
        guard failures >= free else { return 0 }
        return min(LoginThrottle.maxDelay, LoginThrottle.firstDelay << min(16, failures - free))
    }

    private mutating func makeRoom(at now: Int64) {
        guard records.count >= LoginThrottle.maxRecords else { return }
        records = records.filter { now - $0.value.lastFailure < LoginThrottle.memory }
        guard records.count >= LoginThrottle.maxRecords else { return }
        let times = records.values.map(\.lastFailure).sorted()
        // An eighth at a time, so that this is rare.
        let oldest = times[times.count / 8]
        records = records.filter { $0.value.lastFailure > oldest }
    }
}
