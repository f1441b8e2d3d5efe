// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ProtonEngine

/// How a connection of the program's is made, and made again: a state machine without a clock, a socket or a thread.
///
/// Its owner tells it what happened and does what it answers.
struct Reconnection {
    /// What a try is made with.
    struct Candidate: Equatable {
        /// The URL that the program gave.
        var url: AMQPURL
        /// Where the socket goes, as proton takes it: an address and a port.
        var address: String
        /// The host that is asked for in the open frame; nil is none.
        var hostname: String?
        /// The name to log in with.
        var user: String?
        /// The password to log in with.
        var password: String?
    }

    enum State: Equatable {
        /// Nothing has begun.
        case idle
        /// The addresses of the URL's host are looked up.
        case lookingUp(AMQPURL)
        /// A try is under way; `others` are the addresses of the same host that follow.
        case connecting(Candidate, others: [String])
        /// The peer has opened the connection.
        case open(Candidate)
        /// The next try waits for its time; where an address is left of the last lookup, it is the next one.
        case waiting(addresses: [String])
        /// There will be no further try.
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
        /// A try has failed, or the transport is lost.
        case lost(Loss)
        /// The wait is over.
        case waited
        /// This side has closed the connection.
        case closed
    }

    /// What is known of a connection that was lost, or never made.
    struct Loss {
        /// What ended it; nil where nothing is known.
        var error: ProtonError?
        /// Whether the socket had reached the peer.
        var wasReached: Bool
    }

    enum Effect: Equatable {
        case none
        /// Look up the addresses of the URL's host.
        case lookUp(AMQPURL)
        /// Connect; that it fails is not told where other addresses follow.
        case connect(Candidate, othersFollow: Bool)
        /// A try has failed before there was a transport: tell so, and say that the connection is lost.
        case fail
        /// Come back later, with `waited`.
        case wait(Duration)
        /// The connection is over; it was given up where all tries that were asked for have failed.
        case end(isGivenUp: Bool)
    }

    private(set) var state = State.idle
    private(set) var urls: [AMQPURL]
    private(set) var options: ConnectionOptions
    /// Which URL is being tried, or waits to be.
    private(set) var urlIndex = 0
    /// How many rounds through the URLs have failed in a row.
    private(set) var failedRounds = 0
    /// How many connections to an address came before the present one.
    private(set) var tries = -1
    /// What went wrong before there was a transport to tell.
    private(set) var lookupFailure: Condition?
    private var startOfTry: ContinuousClock.Instant?
    /// When the first of the tries began that have failed since; nil while there are none.
    private var startOfOutage: ContinuousClock.Instant?
    /// Whether the program has changed something since the last failure: then even a refused log-in is worth a try.
    private var isChanged = false

    /// - Parameter urls: at least one.
    init(_ urls: [AMQPURL], _ options: ConnectionOptions) {
        self.urls = urls
        self.options = options
    }

    /// The URL that is being tried, or that the connection was made to.
    var url: AMQPURL { urls[urlIndex] }

    /// Whether tries have failed since the connection was open, or since the first.
    var isFailing: Bool { failedRounds > 0 || urlIndex > 0 }

    /// Changes what the next tries are made with.
    /// - Parameter urls: at least one; nil keeps what there are.
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

    /// A try could not be made, before there was a transport to tell.
    mutating func noteFailure(_ condition: Condition) { lookupFailure = condition }

    // MARK: Events

    /// Tells what happened.
    /// - Parameters:
    ///   - now: the time.
    ///   - chance: a random number from 0 to 1, for the length of a wait.
    /// - Returns: what to do about it; an event that does not fit the state does nothing.
    mutating func handle(_ event: Event, at now: ContinuousClock.Instant, chance: Double) -> Effect {
        switch (state, event) {
        case (.over, _): return .none
        case (_, .closed):
            state = .over
            return .end(isGivenUp: false)
        case (.idle, .begin): return beginTry(at: now)
        case (.lookingUp(let asked), .found(let addresses, let answered)) where asked == answered:
            // The program has named other URLs meanwhile.
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

    /// Begins a try with the URL whose turn it is.
    private mutating func beginTry(at now: ContinuousClock.Instant) -> Effect {
        startOfTry = now
        startOfOutage = startOfOutage ?? now
        lookupFailure = nil
        isChanged = false
        guard !AddressLookup.isNumeric(url.host) else { return connect(to: [url.hostAndPort]) }
        state = .lookingUp(url)
        return .lookUp(url)
    }

    /// Connects to the first of some addresses: the one place where a candidate is made.
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
        // A peer that takes connections and drops them at once would be tried without a pause.
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

    /// Whether a new try may get past what ended the last one.
    private func mayRetry(after error: ProtonError?, wasOpen: Bool) -> Bool {
        if let error, !isChanged, !options.reconnectPolicy.triesAgain(after: error) { return false }
        return options.reconnect != nil || !wasOpen && urlIndex + 1 < urls.count
    }

    /// Goes on to the next URL.
    /// - Returns: how long to wait before it is tried; nil where it is not.
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

    // MARK: What would follow

    /// What a loss would lead to.
    enum Prospect: Equatable {
        /// Another try.
        case anotherTry
        /// No other try; it is told that the connection is given up.
        case givingUp
        /// No other try, since none may get past the error.
        case end
    }

    /// What a loss would lead to, without it having happened.
    func prospect(after loss: Loss, at now: ContinuousClock.Instant) -> Prospect {
        var copy = self
        let wasOpen = if case .open = state { true } else { false }
        guard mayRetry(after: loss.error, wasOpen: wasOpen) else { return .end }
        if case .wait = copy.handle(.lost(loss), at: now, chance: 0) { return .anotherTry }
        return options.reconnect == nil ? .end : .givingUp
    }
}
