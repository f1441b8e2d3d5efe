// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine

/// Performs the effects of a connection's state machine. All of it happens in the connection's domain.
extension ConnectionContext {
    /// Connects to the peer when the thread that made the connection releases it.
    func begin(_ connection: Connection) {
        connection.workQueue.add { try self.handle(.begin, of: $0) }
        connection.workQueue.release()
    }

    /// Passes an event to the state machine, and performs its effect.
    private func handle(_ event: Reconnection.Event, of connection: Connection) throws {
        guard connection.isLocalOpen, !loop.isStopping else { return try end(connection) }
        try perform(answer(to: event), on: connection)
    }

    /// The effect of the state machine for an event.
    func answer(to event: Reconnection.Event) -> Reconnection.Effect {
        let now = loop.now
        return reconnection?.handle(event, at: now, chance: .random(in: 0...1)) ?? .none
    }

    private func perform(_ effect: Reconnection.Effect, on connection: Connection) throws {
        let queue = connection.workQueue
        switch effect {
        case .none: break
        case .lookUp(let url) where loop.network != nil:
            try handle(.found([url.hostAndPort], of: url), of: connection)
        case .lookUp(let url):
            AddressLookup.start(url.host, port: url.port) { result in
                queue.add { connection in
                    switch result {
                    case .found(let addresses): try self.handle(.found(addresses, of: url), of: connection)
                    case .failed(let reason): try self.handle(.notFound(url, reason: reason), of: connection)
                    }
                }
            }
        case .connect(let candidate, let othersFollow):
            let configuration: TransportConfiguration
            do {
                configuration = try transport(for: candidate)
            } catch {
                reconnection?.noteFailure(Condition("proton:tls-failed", error.message))
                return try perform(.fail, on: connection)
            }
            prepare(connection, for: candidate)
            loop.connect(connection, configuration, to: candidate.address, othersFollow: othersFollow)
        case .fail:
            try connection.eventHandler.handle(.transport(.error, connection))
            try connection.eventHandler.handle(.transport(.closed, connection))
            if try !transportClosed(connection) { try finish(connection) }
        case .wait(let delay):
            _ = loop.schedule(after: delay, keepsRunning: false) {
                queue.add { try self.handle(.waited, of: $0) }
            }
        case .end: try finish(connection)
        }
    }

    /// Sets the peer's host and the user of a connection.
    func prepare(_ connection: Connection, for candidate: Reconnection.Candidate) {
        connection.hostname = candidate.hostname
        // Proton would create a SASL layer for a user.
        connection.user = reconnection?.options.usesSASL == false ? nil : candidate.user
    }

    /// The configuration of an attempt's transport.
    /// - Throws: `ProtonError` if the TLS options cannot be used.
    func transport(for candidate: Reconnection.Candidate) throws(ProtonError) -> TransportConfiguration {
        let options = reconnection?.options ?? core.options
        var configuration = options.clientTransport(
            user: candidate.user, password: candidate.password, isOfURL: candidate.url.password != nil)
        configuration.attempt = reconnection?.tries ?? 0
        if candidate.url.scheme == .amqps {
            let (security, failure) = try (options.tls ?? .standard).security(for: candidate.url)
            if let failure {
                core.logger.warning(
                    "\(failure.message) Connecting to \(candidate.url.hostAndPort) with what was read before.")
            }
            configuration.security = security
            configuration.hasClientCertificate = options.tls?.certificate != nil
        }
        return configuration
    }

    /// The candidate of the first attempt, without a socket.
    func beginInMemory() throws -> Reconnection.Candidate? {
        try reconnection?.change(urls: nil) { $0.reconnect = nil }
        var effect = answer(to: .begin)
        if case .lookUp(let url) = effect { effect = answer(to: .found([url.hostAndPort], of: url)) }
        guard case .connect(let candidate, _) = effect else { return nil }
        return candidate
    }

    // MARK: The end of a transport

    func transportClosed(_ connection: Connection) throws -> Bool {
        loop.cancelDeadline(of: connection)
        guard reconnection != nil, connection.isLocalOpen, !loop.isStopping else { return false }
        let loss = loss(of: connection)
        switch answer(to: .lost(loss)) {
        case .wait(let delay):
            try perform(.wait(delay), on: connection)
            try coordinator?.connectionLost()
            return true
        case .end(isGivenUp: true):
            try connection.eventHandler.handle(.transport(.gaveUp, connection))
            return false
        default: return false
        }
    }

    /// The error of the connection's transport, and whether the peer was reached.
    func loss(of connection: Connection) -> Reconnection.Loss {
        Reconnection.Loss(error: connection.transportError, wasReached: !connection.isUnconnected)
    }

    func endedWithoutTransport(_ connection: Connection) {
        connection.workQueue.add { try self.end($0) }
    }

    /// Ends a connection that has no transport: no peer will answer its close.
    private func end(_ connection: Connection) throws {
        guard connection.transport == nil else { return }
        try perform(answer(to: .closed), on: connection)
    }

    /// Ends and releases a connection that is in no proactor.
    private func finish(_ connection: Connection) throws {
        connection.end()
        defer { loop.connectionFinished(connection) }
        if loop.isDispatching { try connection.dispatchFinal() }
    }
}
