// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The delays between attempts to connect: none at first, then increasing ones.
///
/// An attempt goes through all URLs of the connection, one after another. The default delays are those of Python, and of C++ with
/// jitter: none, then 0.1 s, 0.2 s, 0.4 s up to 10 s, without end. Each but the first is shortened by up to a half at random, so
/// that the clients of a broker that restarts do not all connect at once.
public struct Backoff: Sendable, Hashable {
    /// The delay before the second attempt.
    public var initial: Duration
    /// The factor between a delay and the next one; at least 1.
    public var factor: Double
    /// The maximum delay.
    public var max: Duration
    /// The number of consecutive attempts after which to give up; nil is no limit.
    public var maxTries: Int?
    /// For how long to start new attempts, counted from the first one, or from the loss of a connection; nil is no limit.
    ///
    /// An attempt that has started is completed: a peer that accepts the connection and then sends nothing has
    /// `ConnectionLimits.handshakeTimeout`, 10 seconds by default. With 10 seconds here that is one attempt.
    public var maxTime: Duration?
    /// The fraction of a delay by which it may be shortened at random, from 0 (none) to 1.
    public var jitter: Double
    /// The delays before the second attempt and those that follow, in place of increasing ones; nil uses those.
    private var waits: [Duration]?

    /// Creates a back-off with increasing delays.
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

    /// Creates a back-off with the given delays: `[.milliseconds(500), .seconds(1)]` makes three attempts.
    ///
    /// The first attempt is made at once, and the last one after the last delay. The delays have no jitter.
    public init(waits: [Duration]) {
        self.init(jitter: 0)
        self.waits = waits
    }

    /// - Throws: `ProtonError.Code.invalidArgument` that names the invalid value.
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

    /// The delay before an attempt; nil if no more are to be made.
    /// - Parameters:
    ///   - number: the number of the consecutive attempt, from 0.
    ///   - elapsed: the time since the first of them, or since the loss.
    ///   - chance: a random number from 0 to 1.
    func delay(before number: Int, elapsed: Duration = .zero, chance: Double) -> Duration? {
        guard number < maxTries ?? .max, let delay = delay(before: number, chance) else { return nil }
        // The first attempt is always made.
        if number > 0, let maxTime, elapsed + delay > maxTime { return nil }
        return delay
    }

    private func delay(before number: Int, _ chance: Double) -> Duration? {
        guard number > 0 else { return .zero }
        if let waits { return number <= waits.count ? waits[number - 1] : nil }
        // Step by step up to the maximum, since a power for a large number of attempts would overflow.
        var full = min(initial, max)
        var steps = number - 1
        while steps > 0, full < max, factor > 1, full > .zero {
            full = min(max, full * factor)
            steps -= 1
        }
        return full * (1 - jitter * chance)
    }
}
