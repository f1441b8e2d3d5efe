// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import CoreMetrics
public import Proton
import Synchronization

/// Reports the connections of an `AMQPClient`, or of an `AMQPServer`, to swift-metrics.
///
///     client.instruments.append(AMQPMetrics())
///     server.instruments.append(AMQPMetrics(prefix: "proton_server_"))
///
/// | name, after `proton_client_` | kind | dimensions | meaning |
/// | --- | --- | --- | --- |
/// | `messages_sent_total` | counter | | messages that were handed over to be sent |
/// | `outcomes_total` | counter | `outcome` | their outcomes: `accepted`, `rejected`, `released`, `modified`, `not_sent`, `in_doubt` |
/// | `outcome_duration` | timer | | the time from handing a message over to its outcome, if it has one |
/// | `messages_received_total` | counter | | messages that were handed out to the program |
/// | `settlements_total` | counter | `outcome` | the program's settlements: outcomes as above, or `other`; `none` if the message was dropped without one |
/// | `process_duration` | timer | `result` | the duration of `AMQPDelivery.process` and `serve`: `returned`, `thrown` |
/// | `request_duration` | timer | `result` | the duration of requests: `answered`, `refused`, `not_sent`, `in_doubt` |
/// | `credit` | gauge | `role` | how many messages may be sent, or may arrive, at once |
/// | `messages_unsettled` | gauge | `role` | messages that are not settled |
/// | `messages_waiting` | gauge | `role` | messages that wait for credit, or for the program |
/// | `connections` | gauge | | open connections |
/// | `connections_lost_total` | counter | | connections that were lost, and are made again |
/// | `reconnects_total` | counter | | connections that were made again |
/// | `failed_tries_total` | counter | | failed attempts to connect |
///
/// `role` is `sender` or `receiver`; gauges are sums over all links, as of the last batch that changed them. No dimension
/// contains a name unless the program asks for it: `address` in `init` adds the dimension `address` to the metrics of links, with
/// up to 100 values; further ones become `other`.
public final class AMQPMetrics: AMQPInstrument {
    private struct State {
        var series: [String: LinkSeries] = [:]
        var links: [UInt64: (series: LinkSeries, levels: AMQPLinkLevels)] = [:]
        /// Whether each known connection is open.
        var connections: [UInt64: Bool] = [:]
    }

    /// The maximum number of values of the dimension `address`.
    private static let maxAddresses = 100

    private let factory: any MetricsFactory
    private let prefix: String
    private let dimensions: [(String, String)]
    private let name: (@Sendable (String?) -> String)?
    private let state = Mutex(State())
    private let connections: Gauge
    private let lost: Counter
    private let reconnects: Counter
    private let failedTries: Counter

    /// Creates an instrument, which can serve several clients.
    /// - Parameters:
    ///   - prefix: the prefix of all names. Default `proton_client_`.
    ///   - dimensions: additional dimensions of each metric, such as the client's name. Default none.
    ///   - address: the value of the dimension `address` for the address of a link, which is nil if the peer created the node or
    ///     each message has its own; nil, the default, omits the dimension.
    ///   - factory: the factory of the metrics. Default that of the process.
    public init(
        prefix: String = "proton_client_", dimensions: [(String, String)] = [],
        address: (@Sendable (String?) -> String)? = nil,
        factory: any MetricsFactory = MetricsSystem.factory
    ) {
        (self.prefix, self.dimensions, name, self.factory) = (prefix, dimensions, address, factory)
        connections = Gauge(label: prefix + "connections", dimensions: dimensions, factory: factory)
        lost = Counter(label: prefix + "connections_lost_total", dimensions: dimensions, factory: factory)
        reconnects = Counter(label: prefix + "reconnects_total", dimensions: dimensions, factory: factory)
        failedTries = Counter(label: prefix + "failed_tries_total", dimensions: dimensions, factory: factory)
    }

    private func series(of link: AMQPLinkInfo) -> LinkSeries {
        state.withLock { series(of: link, &$0) }
    }

    private func series(of link: AMQPLinkInfo, _ state: inout State) -> LinkSeries {
        var value = name?(link.address) ?? ""
        if let series = state.series[value] { return series }
        if state.series.count >= AMQPMetrics.maxAddresses { value = "other" }
        if let series = state.series[value] { return series }
        let series = LinkSeries(prefix, dimensions + (name == nil ? [] : [("address", value)]), factory)
        state.series[value] = series
        return series
    }

    // MARK: Messages

    /// Counts the message, and its outcome.
    public func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
        let series = series(of: link)
        series.sent.increment()
        return { result, latency in series.ended(result, latency) }
    }

    /// Counts the message, and its settlement by the program.
    public func didReceive(_ message: Message, isSettled: Bool, by link: AMQPLinkInfo) -> AMQPSettlementObserver? {
        let series = series(of: link)
        series.received.increment()
        if isSettled { return nil }
        return { state, _ in series.settled(state) }
    }

    /// Measures the duration of the body.
    public func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
    ) async rethrows -> Result {
        let (series, start) = (series(of: link), ContinuousClock.now)
        do {
            let result = try await body()
            series.returned.record(since: start)
            return result
        } catch {
            series.thrown.record(since: start)
            throw error
        }
    }

    /// Measures the duration of the request.
    public func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, _ body: () async throws -> Response
    ) async rethrows -> Response {
        let (series, start) = (series(of: link), ContinuousClock.now)
        do {
            let response = try await body()
            series.answered.record(since: start)
            return response
        } catch {
            series.requestFailed(error).record(since: start)
            throw error
        }
    }

    // MARK: Connections and links

    /// Counts connections.
    public func connectionDidChange(_ event: AMQPConnectionEvent, _ connection: AMQPConnectionInfo) {
        state.withLock { state in
            switch event {
            case .connected:
                if state.connections.updateValue(true, forKey: connection.id) != nil { reconnects.increment() }
            case .interrupted:
                state.connections[connection.id] = false
                lost.increment()
            case .tryFailed: return failedTries.increment()
            case .ended: state.connections[connection.id] = nil
            }
            connections.record(state.connections.count { $0.value })
        }
    }

    /// Adds up the levels of all links.
    public func levelsDidChange(_ levels: AMQPLinkLevels, of link: AMQPLinkInfo) {
        state.withLock { state in
            let series = state.links[link.id]?.series ?? series(of: link, &state)
            let old = state.links[link.id]?.levels ?? AMQPLinkLevels()
            state.links[link.id] = levels == AMQPLinkLevels() ? nil : (series, levels)
            // Under the lock: the last recorded value must be the current one.
            series.levels(of: link.role).change(from: old, to: levels)
        }
    }
}
