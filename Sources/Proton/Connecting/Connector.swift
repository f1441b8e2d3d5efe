import AMQP
import ProtonEngine

/// Where a connection of the program's goes to, and how it is made again when it is lost.
///
/// It belongs to the connection's domain.
final class Connector {
    private(set) var urls: [AMQPURL]
    private(set) var options: ConnectionOptions
    private var plan: RetryPlan
    /// Counts tries, so that what comes of an old one late is not taken for the current one's.
    private(set) var attempt = 0
    private var startOfAttempt: ContinuousClock.Instant?
    /// When the first of the tries began that have failed since; nil while there are none.
    private var startOfOutage: ContinuousClock.Instant?
    /// The addresses of the current URL's host that are still to be tried.
    private var addresses: [String] = []
    /// What went wrong before there was a transport to tell.
    private(set) var lookupFailure: Condition?
    /// Whether the program has changed something since the last failure: then even a refused log-in is worth a try.
    private var isChanged = false

    /// - Parameter urls: at least one.
    init(_ urls: [AMQPURL], _ options: ConnectionOptions) {
        self.urls = urls
        self.options = options
        plan = RetryPlan(options.reconnect)
    }

    /// The URL that is being tried, or that the connection was made to.
    var url: AMQPURL { urls[plan.urlIndex] }

    /// Changes what the next tries are made with.
    /// - Parameter urls: at least one; nil keeps what there are.
    func change(urls: [AMQPURL]?, _ change: (inout ConnectionOptions) -> Void) throws {
        var options = options
        change(&options)
        try options.validate()
        self.options = options
        if let urls {
            self.urls = urls
            addresses = []
            plan.restart()
            startOfOutage = nil
        }
        plan.backoff = options.reconnect
        isChanged = true
    }

    // MARK: A try

    /// Begins a try: says in the connection who and where its peer is.
    func beginAttempt(of connection: Connection, at now: ContinuousClock.Instant) {
        attempt += 1
        startOfAttempt = now
        startOfOutage = startOfOutage ?? now
        lookupFailure = nil
        isChanged = false
        let host = options.virtualHost ?? url.host
        connection.hostname = host.isEmpty ? nil : host
        connection.user = url.user ?? options.user
        if let password = url.password ?? options.password { connection.setPassword(password) }
    }

    /// The next address of the host's to try; nil where its name has to be looked up.
    func takeAddress() -> String? {
        addresses.isEmpty ? nil : addresses.removeFirst()
    }

    func found(_ addresses: [String]) {
        self.addresses = addresses
    }

    func failed(lookup reason: String) {
        lookupFailure = Condition("proton:io", "\(reason) - on look-up")
    }

    /// Whether another address of the host's follows where this one can't be reached.
    var hasOtherAddresses: Bool { !addresses.isEmpty }

    // MARK: A loss

    /// Whether tries have failed since the connection was open, or since the first.
    var isFailing: Bool { plan.failedRounds > 0 || plan.urlIndex > 0 }

    /// Whether a new try may get past what ended the last one.
    func mayRetry(after error: ProtonError?, wasOpen: Bool) -> Bool {
        switch error?.code {
        // The peer would say the same again, unless it is asked differently.
        case .authenticationFailed where !isChanged, .protocolMismatch where !isChanged: false
        default: options.reconnect != nil || !wasOpen && plan.urlIndex + 1 < urls.count
        }
    }

    /// Whether there will be another try after a loss.
    func willRetry(_ connection: Connection, at now: ContinuousClock.Instant) -> Bool {
        var plan = plan
        return hasOtherAddresses && connection.isUnconnected || next(&plan, connection, at: now) != nil
    }

    /// Goes on to the next try after a loss.
    /// - Returns: how long to wait before it; nil where there is none.
    func delayBeforeRetry(of connection: Connection, at now: ContinuousClock.Instant) -> Duration? {
        if hasOtherAddresses, connection.isUnconnected { return .zero }
        addresses = []
        guard mayRetry(after: connection.transportError, wasOpen: connection.isRemoteOpened) else { return nil }
        if hasLasted(connection, until: now) { startOfOutage = now }
        return next(&plan, connection, at: now)
    }

    private func next(
        _ plan: inout RetryPlan, _ connection: Connection, at now: ContinuousClock.Instant
    ) -> Duration? {
        let isDrop = hasLasted(connection, until: now)
        let elapsed = isDrop ? .zero : startOfOutage.map { $0.duration(to: now) } ?? .zero
        return plan.next(
            after: isDrop ? .drop : .failedTry, urlCount: urls.count, elapsed: elapsed,
            chance: Double.random(in: 0...1))
    }

    /// Whether the connection was open for so long that its loss is no failed try.
    private func hasLasted(_ connection: Connection, until now: ContinuousClock.Instant) -> Bool {
        connection.isRemoteOpened && (startOfAttempt ?? now).duration(to: now) >= .seconds(1)
    }
}

extension Loop {
    /// Tries to reach the peer of a connection that is in no proactor. Called while no thread runs its items.
    func attempt(_ connection: Connection) {
        guard let connector = connection.context?.connector, connection.pointer != nil else { return }
        let queue = connection.workQueue
        queue.domain.enter()
        defer { queue.domain.leave() }
        guard !connection.isLocalClosed, !isStopping else { return retire(connection) }
        if let address = connector.takeAddress() { return handOver(connection, to: address) }
        connector.beginAttempt(of: connection, at: now)
        let (url, number) = (connector.url, connector.attempt)
        guard !AddressLookup.isNumeric(url.host) else { return handOver(connection, to: url.hostAndPort) }
        queue.park { [weak self] in self?.runItems(of: $0) }
        let lookup = Ticket(connection: connection, attempt: number)
        AddressLookup.start(url.host, port: url.port) { [weak self] result in
            self?.post { [weak self] in self?.finish(lookup, with: result) }
        }
    }

    private func handOver(_ connection: Connection, to address: String) {
        guard let connector = connection.context?.connector else { return }
        connection.hasOtherAddresses = connector.hasOtherAddresses
        connect(connection, connector.options.transport(isServer: false), toAddress: address)
    }

    /// A lookup is done: connects to what it found, or goes on as after a connection that failed.
    private func finish(_ lookup: Ticket, with result: AddressLookup.Result) {
        lookup.connection.workQueue.whenIdle { [self] in
            let connection = lookup.connection
            guard let connector = connection.context?.connector, connector.attempt == lookup.attempt else { return }
            switch result {
            case .found(let addresses):
                connector.found(addresses)
                attempt(connection)
            case .failed(let reason):
                connector.failed(lookup: reason)
                lose(connection)
            }
        }
    }

    /// A connection failed before it had a transport.
    private func lose(_ connection: Connection) {
        var delay: Duration?
        connection.workQueue.domain.enter()
        do {
            try connection.eventHandler.handle(.transport(.error, connection))
            try connection.eventHandler.handle(.transport(.closed, connection))
            delay = try delayBeforeRetry(of: connection)
        } catch {
            fail(error)
        }
        connection.workQueue.domain.leave()
        if let delay { connectionLost(connection, retryAfter: delay) } else { retire(connection) }
    }

    /// Ends a connection that is in no proactor.
    private func retire(_ connection: Connection) {
        connection.workQueue.domain.enter()
        do {
            if isDispatching { try connection.dispatchFinal() }
        } catch {
            fail(error)
        }
        connection.workQueue.domain.leave()
        connection.discard()
        connectionFinished(connection)
    }

    // MARK: ProactorDelegate

    func delayBeforeRetry(of connection: Connection) throws -> Duration? {
        guard let connector = connection.context?.connector, connection.isLocalOpen, !isStopping else { return nil }
        if let delay = connector.delayBeforeRetry(of: connection, at: now) { return delay }
        if connector.options.reconnect != nil { try connection.eventHandler.handle(.transport(.gaveUp, connection)) }
        return nil
    }

    func connectionLost(_ connection: Connection, retryAfter delay: Duration) {
        cancelHandshakeDeadline(of: connection)
        let ticket = Ticket(connection: connection, attempt: 0)
        _ = schedule(after: delay, keepsRunning: false) { [unowned self] in attemptWhenIdle(ticket) }
    }

    /// Tries again, or sees that the connection is closed and ends it.
    private func attemptWhenIdle(_ ticket: Ticket) {
        ticket.connection.workQueue.whenIdle { [self] in attempt(ticket.connection) }
    }

    /// Begins the first try to reach the peer.
    func begin(_ connection: Connection) {
        connection.closedWithoutTransport = { [weak self] connection in
            let ticket = Ticket(connection: connection, attempt: 0)
            self?.post { [weak self] in self?.attemptWhenIdle(ticket) }
        }
        attemptWhenIdle(Ticket(connection: connection, attempt: 0))
    }

    func runItems(of queue: WorkQueue) {
        let isPosted = post { try queue.drainOutsideBatch() }
        // The loop has ended: nobody else uses the connection any more.
        if !isPosted { try? queue.drainOutsideBatch() }
    }
}

/// A connection on its way between threads.
///
/// `@unchecked Sendable`: it is only passed on, and used by `WorkQueue.whenIdle`, when no other thread does.
private struct Ticket: @unchecked Sendable {
    let connection: Connection
    /// The try that it is about.
    let attempt: Int
}
