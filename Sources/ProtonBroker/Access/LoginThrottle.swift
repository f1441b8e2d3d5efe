// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Delays authentication attempts after failed ones: the more failures, the longer.
///
/// Times are in milliseconds of a monotonic clock. The number of records is limited: the oldest are removed.
struct LoginThrottle {
    /// The decision about an attempt.
    enum Verdict: Equatable {
        /// It is made after this number of milliseconds, 0 for at once.
        case tryAfter(Int64)
        /// It is refused without a check of the password: too many wait already.
        case refuse
    }

    /// The host and the user whose failures are counted.
    private struct Key: Hashable {
        let host: PeerHost?
        /// Nil counts the failures of all users of a host.
        let user: UserName?
    }

    private struct Record {
        var failures = 0
        var lastFailure: Int64
        /// When the next attempt may be made.
        var nextTry: Int64
    }

    private var records: [Key: Record] = [:]

    /// How many failures of a user from one host cause no delay.
    static let freeFailures = 3
    /// How many failures of a host, with any users, cause no delay.
    static let freeFailuresOfHost = 20
    static let firstDelay: Int64 = 250
    /// The maximum delay, and the maximum wait for earlier attempts; below the time limit of a handshake.
    static let maxDelay: Int64 = 5_000
    /// The time without a failure after which a record is removed.
    static let memory: Int64 = 600_000
    static let maxRecords = 8_192

    var count: Int { records.count }

    /// Admits an attempt, and reserves its time, so that many connections make attempts no faster than one.
    mutating func admit(_ host: PeerHost?, _ user: UserName, at now: Int64) -> Verdict {
        let keys = keys(host, user)
        let start = keys.map { records[$0]?.nextTry ?? now }.reduce(now, max)
        guard start - now <= LoginThrottle.maxDelay else { return .refuse }
        for key in keys {
            guard let record = records[key], now - record.lastFailure < LoginThrottle.memory else {
                records[key] = nil
                continue
            }
            // A user that has to wait does not delay the other users of the host.
            records[key]?.nextTry = max(now, record.nextTry) + LoginThrottle.delay(key, record.failures)
        }
        return .tryAfter(start - now)
    }

    /// Records a failed attempt.
    /// - Returns: the number of failures so far.
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

    /// Records a successful attempt: the failures of this user from this host are removed. Those of the host are kept, since
    /// otherwise one valid user would be enough to try the passwords of others.
    mutating func noteSuccess(_ host: PeerHost?, _ user: UserName) {
        if let own = keys(host, user).first { records[own] = nil }
    }

    /// This machine may have many clients: only the failures of the same user count together.
    private func keys(_ host: PeerHost?, _ user: UserName) -> [Key] {
        // The name of an unknown user may be as long as a frame.
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
