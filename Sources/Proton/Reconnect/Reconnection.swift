// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// The state machine that makes, and makes again, a connection of the program; it has no clock, socket or thread.
///
/// Its owner passes events to it, and performs the effects that it returns.
struct Reconnection {
    /// The arguments of an attempt.
    struct Candidate: Equatable {
        /// The URL that the program gave.
        var url: AMQPURL
        /// The socket's destination in proton's form: an address and a port.
        var address: String
        /// The hostname in the open frame; nil is none.
        var hostname: String?
        /// The user to authenticate as.
        var user: String?
        /// The password to authenticate with.
        var password: String?
    }

    enum State: Equatable {
        /// Nothing has begun.
        case idle
        /// The addresses of the URL's host are being looked up.
        case lookingUp(AMQPURL)
        /// An attempt is in progress; `others` are the addresses of the same host that follow.
        case connecting(Candidate, others: [String])
        /// The peer has opened the connection.
        case open(Candidate)
        /// The next attempt is delayed; `addresses` are those of the last lookup that have not been tried.
        case waiting(addresses: [String])
        /// There will be no further attempt.
        case over
    }

    enum Event {
        /// The program connects.
        case begin
        /// The lookup of a URL's host has found these addresses.
        case found([String], of: AMQPURL)
        /// The lookup has found none.
        case notFound(AMQPURL, reason: String)
        /// The peer has opened the connection.
        case opened
        /// An attempt has failed, or the transport is lost.
        case lost(Loss)
        /// The delay has passed.
        case waited
        /// This side has closed the connection.
        case closed
    }

    /// The cause of a connection that was lost, or never made.
    struct Loss {
        /// The error that ended it; nil if it is unknown.
        var error: ProtonError?
        /// Whether the socket had reached the peer.
        var wasReached: Bool
    }

    enum Effect: Equatable {
        case none
        /// Look up the addresses of the URL's host.
        case lookUp(AMQPURL)
        /// Connect; a failure is not reported if other addresses follow.
        case connect(Candidate, othersFollow: Bool)
        /// An attempt has failed before there was a transport: report the error, and the loss of the connection.
        case fail
        /// Wait, and then handle `waited`.
        case wait(Duration)
        /// The connection has ended; it is given up if all attempts have failed.
        case end(isGivenUp: Bool)
    }

    private(set) var state = State.idle
    private(set) var urls: [AMQPURL]
    private(set) var options: ConnectionOptions
    /// The index of the URL that is being tried, or is next.
    private(set) var urlIndex = 0
    /// How many rounds through the URLs have failed in a row.
    private(set) var failedRounds = 0
    /// How many connections to an address were tried before the current one.
    private(set) var tries = -1
    /// The error of an attempt that had no transport yet.
    private(set) var lookupFailure: Condition?
    private var startOfTry: ContinuousClock.Instant?
    /// When the first of the failed attempts started; nil while there are none.
    private var startOfOutage: ContinuousClock.Instant?
    /// Whether the program has changed the options since the last error: then an attempt follows even a refused authentication.
    private var isChanged = false

    /// - Parameter urls: at least one.
    init(_ urls: [AMQPURL], _ options: ConnectionOptions) {
        self.urls = urls
        self.options = options
    }

    /// The URL that is being tried, or that the connection was made to.
    var url: AMQPURL { urls[urlIndex] }

    /// Whether attempts have failed since the connection was open, or since the first.
    var isFailing: Bool { failedRounds > 0 || urlIndex > 0 }

    /// Changes the arguments of the next attempts.
    /// - Parameter urls: at least one; nil keeps the current ones.
    mutating func change(urls: [AMQPURL]?, _ change: (inout ConnectionOptions) -> Void) throws {
        var options = options
        change(&options)
        try options.validate()
        try options.check(urls ?? self.urls)
        self.options = options
        isChanged = true
        guard let urls else { return }
        self.urls = urls
        (urlIndex, failedRounds, startOfOutage) = (0, 0, nil)
        switch state {
        case .waiting: state = .waiting(addresses: [])
        case .connecting(let candidate, _): state = .connecting(candidate, others: [])
        case .idle, .lookingUp, .open, .over: break
        }
    }

    /// Records the error of an attempt that had no transport yet.
    mutating func noteFailure(_ condition: Condition) { lookupFailure = condition }

    // MARK: Events

    /// Handles an event.
    /// - Parameters:
    ///   - now: the time.
    ///   - chance: a random number from 0 to 1, for the length of a wait.
    /// - Returns: the effect; an event that does not fit the state has none.
    mutating func handle(_ event: Event, at now: ContinuousClock.Instant, chance: Double) -> Effect {
        switch (state, event) {
        case (.over, _): return .none
        case (_, .closed):
            state = .over
            return .end(isGivenUp: false)
        case (.idle, .begin): return beginTry(at: now)
        case (.lookingUp(let asked), .found(let addresses, let answered)) where asked == answered:
            // The program has set other URLs meanwhile.
            guard asked == url else { return beginTry(at: now) }
            return connect(to: addresses[...])
        case (.lookingUp(let asked), .notFound(let answered, let reason)) where asked == answered:
            lookupFailure = Condition("proton:io", "\(reason) - on look-up")
            return .fail
        case (.connecting(let candidate, _), .opened):
            state = .open(candidate)
            return .none
        case (.connecting(_, let others), .lost(let loss)) where !loss.wasReached && !others.isEmpty:
            state = .waiting(addresses: others)
            return .wait(.zero)
        case (.lookingUp, .lost(let loss)), (.connecting, .lost(let loss)), (.open, .lost(let loss)):
            return lose(loss, at: now, chance)
        case (.waiting(let addresses), .waited):
            return addresses.isEmpty ? beginTry(at: now) : connect(to: addresses[...])
        case (.idle, _), (.lookingUp, _), (.connecting, _), (.open, _), (.waiting, _): return .none
        }
    }

    /// Starts an attempt with the current URL.
    private mutating func beginTry(at now: ContinuousClock.Instant) -> Effect {
        startOfTry = now
        startOfOutage = startOfOutage ?? now
        lookupFailure = nil
        isChanged = false
        guard !AddressLookup.isNumeric(url.host) else { return connect(to: [url.hostAndPort]) }
        state = .lookingUp(url)
        return .lookUp(url)
    }

    /// Connects to the first of some addresses: all candidates are created here.
    private mutating func connect(to addresses: ArraySlice<String>) -> Effect {
        guard let address = addresses.first else { return .none }
        let host = options.virtualHost ?? url.host
        let candidate = Candidate(
            url: url, address: address, hostname: host.isEmpty ? nil : host, user: url.user ?? options.user,
            password: url.password ?? options.password)
        let others = Array(addresses.dropFirst())
        state = .connecting(candidate, others: others)
        tries += 1
        return .connect(candidate, othersFollow: !others.isEmpty)
    }

    // MARK: Losses

    private mutating func lose(_ loss: Loss, at now: ContinuousClock.Instant, _ chance: Double) -> Effect {
        let wasOpen = if case .open = state { true } else { false }
        let mayRetry = mayRetry(after: loss.error, wasOpen: wasOpen)
        // Otherwise a peer that accepts connections and drops them at once would be tried without a pause.
        let hasLasted = wasOpen && (startOfTry ?? now).duration(to: now) >= .seconds(1)
        if hasLasted { startOfOutage = now }
        let elapsed = startOfOutage.map { $0.duration(to: now) } ?? .zero
        guard mayRetry, let delay = nextDelay(hasLasted: hasLasted, elapsed: elapsed, chance) else {
            state = .over
            return .end(isGivenUp: options.reconnect != nil)
        }
        state = .waiting(addresses: [])
        return .wait(delay)
    }

    /// Whether a new attempt may succeed after the last error.
    private func mayRetry(after error: ProtonError?, wasOpen: Bool) -> Bool {
        if let error, !isChanged, !options.reconnectPolicy.triesAgain(after: error) { return false }
        return options.reconnect != nil || !wasOpen && urlIndex + 1 < urls.count
    }

    /// Selects the next URL.
    /// - Returns: the delay before its attempt; nil if there is none.
    private mutating func nextDelay(hasLasted: Bool, elapsed: Duration, _ chance: Double) -> Duration? {
        if hasLasted {
            (urlIndex, failedRounds) = (0, 0)
            return options.reconnect?.delay(before: 0, chance: chance)
        }
        if urlIndex + 1 < urls.count {
            urlIndex += 1
            return .zero
        }
        urlIndex = 0
        failedRounds += 1
        return options.reconnect?.delay(before: failedRounds, elapsed: elapsed, chance: chance)
    }

    // MARK: Prediction

    /// The consequence of a loss.
    enum Prospect: Equatable {
        /// Another attempt.
        case anotherTry
        /// No other attempt; it is reported that the connection is given up.
        case givingUp
        /// No other attempt, since none may succeed after the error.
        case end
    }

    /// Predicts the consequence of a loss, without changing the state.
    func prospect(after loss: Loss, at now: ContinuousClock.Instant) -> Prospect {
        var copy = self
        let wasOpen = if case .open = state { true } else { false }
        guard mayRetry(after: loss.error, wasOpen: wasOpen) else { return .end }
        if case .wait = copy.handle(.lost(loss), at: now, chance: 0) { return .anotherTry }
        return options.reconnect == nil ? .end : .givingUp
    }
}
