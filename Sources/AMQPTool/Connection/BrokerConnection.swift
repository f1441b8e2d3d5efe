// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
package import Proton
import Synchronization

/// How a connection behaves.
package struct ConnectionBehavior: Sendable {
    /// How long connecting may take, also after a loss.
    package var timeout: Duration
    /// Whether the first connection is tried again as well.
    package var triesAgain: Bool
    package var containerID: String?
    package var isVerbose: Bool
}

/// A connection to a broker, and how its addresses are written.
package struct BrokerConnection: Sendable {
    package let connection: AMQPConnection
    private let settings: BrokerSettings

    /// The address that the broker is asked for: with the prefix, where there is one.
    package func address(_ text: String) -> String { settings.address(text) }

    /// Connects.
    /// - Parameter configure: changes the client before it connects.
    /// - Throws: `ToolError` of `ToolExit.notConnected`; what is wrong with the settings.
    package static func open(
        _ settings: BrokerSettings, _ behavior: ConnectionBehavior, _ environment: ToolEnvironment = .current,
        configure: (inout AMQPClient) -> Void = { _ in }
    ) async throws -> BrokerConnection {
        var (url, options) = try settings.options(environment)
        let (wasOpened, wasReported) = (Flag(), Flag())
        options.containerID = behavior.containerID ?? options.containerID
        options.reconnect = Backoff(maxTime: behavior.timeout)
        options.reconnectPolicy = ReconnectPolicy { error in
            // Who waits at a terminal wants to know at once that nobody is there. A connection that is lost is made again.
            guard behavior.triesAgain || wasOpened.isSet, ReconnectPolicy.transient.triesAgain(after: error) else {
                return false
            }
            if !wasOpened.isSet, wasReported.set() {
                StandardError.write("warning: \(error.message) Trying again for \(behavior.timeout).")
            }
            return true
        }
        url.path = nil
        do {
            var client = try AMQPClient(
                "localhost", options: options, timeout: behavior.timeout,
                logger: ErrorLog.logger(isVerbose: behavior.isVerbose))
            client.urls = [url]
            configure(&client)
            let connection = try await client.connect()
            wasOpened.set()
            return BrokerConnection(connection: connection, settings: settings)
        } catch let error as ProtonError {
            throw ToolError(.notConnected, advice(error, url))
        }
    }

    /// Runs work until it is done or a signal comes, and closes the connection in good order.
    /// - Throws: what the work throws.
    package func whileOpen<Result: Sendable>(
        _ work: @escaping @Sendable (BrokerConnection) async throws -> Result
    ) async throws -> Result {
        do {
            let result = try await untilStopped { try await work(self) }
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw error
        }
    }

    /// What to do about a connection that cannot be made.
    private static func advice(_ error: ProtonError, _ url: AMQPURL) -> String {
        let advice: String? =
            switch error.code {
            case .connectFailed: "Is a broker running there? --url or AMQP_URL says where it is."
            case .authenticationFailed where url.user == nil: "Give a user with --user, and AMQP_PASSWORD."
            case .authenticationFailed: "Check the user and the password."
            default: nil
            }
        return advice.map { "\(error.message) \($0)" } ?? error.message
    }
}

/// Something that happens once.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    /// - Returns: whether it was not set before.
    @discardableResult
    func set() -> Bool { !value.exchange(true, ordering: .acquiringAndReleasing) }
}
