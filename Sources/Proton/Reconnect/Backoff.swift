// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How long to wait between tries to connect: nothing first, then longer and longer.
///
/// A try goes through all URLs of the connection, one after another. The default is Python's, and C++'s with jitter:
/// at once, then after 0.1 s, 0.2 s, 0.4 s up to 10 s, for ever, each but the first cut short by up to a half at random,
/// so that clients of a broker that restarts do not come back all at once.
public struct Backoff: Sendable, Hashable {
    /// The wait before the second try.
    public var initial: Duration
    /// What each wait is multiplied by for the next one; at least 1.
    public var factor: Double
    /// The longest wait.
    public var max: Duration
    /// After how many tries in a row to give up; nil is never.
    public var maxTries: Int?
    /// For how long to begin new tries, counted from the first one, or from the loss of a connection; nil is for ever.
    ///
    /// A try that has begun is brought to its end: a peer that takes connections and then says nothing is waited for as
    /// `ConnectionLimits.handshakeTimeout` says, 10 seconds by default. With 10 seconds here that is one try.
    public var maxTime: Duration?
    /// The share of a wait that chance may take off, from 0 (none) to 1.
    public var jitter: Double
    /// The waits before the second try and those that follow, in place of such that grow; nil lets them grow.
    private var waits: [Duration]?

    /// Creates a back-off whose waits grow.
    public init(
        initial: Duration = .milliseconds(100), factor: Double = 2, max: Duration = .seconds(10),
        maxTries: Int? = nil, maxTime: Duration? = nil, jitter: Double = 0.5
    ) {
        self.initial = initial
        self.factor = factor
        self.max = max
        self.maxTries = maxTries
        self.maxTime = maxTime
        self.jitter = jitter
    }

    /// Creates a back-off with waits of the program's own: `[.milliseconds(500), .seconds(1)]` tries three times.
    ///
    /// The first try is made at once, and the last one after the last wait. They are waited for in full: without jitter.
    public init(waits: [Duration]) {
        self.init(jitter: 0)
        self.waits = waits
    }

    /// - Throws: `ProtonError.Code.invalidArgument` that names the value that makes no sense.
    func validate() throws(ProtonError) {
        func check(_ holds: Bool, _ message: @autoclosure () -> String) throws(ProtonError) {
            if !holds { throw ProtonError(.invalidArgument, message()) }
        }
        try check(initial >= .zero, "Backoff: initial is \(initial): it must not be below zero.")
        try check(max >= initial, "Backoff: max is \(max): it must not be below initial, \(initial).")
        try check(factor >= 1 && factor.isFinite, "Backoff: factor is \(factor): it must be at least 1.")
        try check(maxTries ?? 1 >= 1, "Backoff: maxTries is \(maxTries ?? 0): it must be at least 1.")
        try check(maxTime ?? .zero >= .zero, "Backoff: maxTime is \(maxTime ?? .zero): it must not be below zero.")
        try check((0...1).contains(jitter), "Backoff: jitter is \(jitter): it must be from 0 to 1.")
        for wait in waits ?? [] { try check(wait >= .zero, "Backoff: a wait is \(wait): it must not be below zero.") }
    }

    /// The wait before a try; nil where there are to be no more.
    /// - Parameters:
    ///   - number: which try in a row, from 0.
    ///   - elapsed: the time since the first of them, or since the loss.
    ///   - chance: a random number from 0 to 1.
    func delay(before number: Int, elapsed: Duration = .zero, chance: Double) -> Duration? {
        guard number < maxTries ?? .max, let delay = delay(before: number, chance) else { return nil }
        // The first try is always made.
        if number > 0, let maxTime, elapsed + delay > maxTime { return nil }
        return delay
    }

    private func delay(before number: Int, _ chance: Double) -> Duration? {
        guard number > 0 else { return .zero }
        if let waits { return number <= waits.count ? waits[number - 1] : nil }
        // Step by step up to the longest, since a power of a large number of tries would overflow.
        var full = min(initial, max)
        var steps = number - 1
        while steps > 0, full < max, factor > 1, full > .zero {
            full = min(max, full * factor)
            steps -= 1
        }
        return full * (1 - jitter * chance)
    }
}
