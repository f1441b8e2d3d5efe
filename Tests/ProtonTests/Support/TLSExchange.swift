// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import TestCertificates

/// A TLS listener and a client of it, in one container.
struct TLSExchange {
    /// What came of it.
    struct Outcome: Sendable {
        /// What the client's connection ended with, where it failed.
        var clientError: ProtonError?
        var serverError: ProtonError?
        /// What each side saw once its peer had opened the connection.
        var client: TLSInfo?
        var server: TLSInfo?
        /// How often the client tried.
        var tries = 0

        var isOpened: Bool { client != nil && server != nil }
    }

    var server: TLSServerOptions
    var client: TLSClientOptions?
    /// Who may log in; nil is everybody.
    var authentication: Authentication?
    /// The host of the client's URL, with what stands before it.
    var host = "localhost"
    var virtualHost: String?
    var reconnect: Backoff?
    var clientScheme = "amqps"
    /// What else the client does, in `onConnectionOpened`.
    var whenOpened: (ConnectionEvent) throws -> Void = { $0.connection.close() }

    init(_ server: TLSServerOptions, _ client: TLSClientOptions?) { (self.server, self.client) = (server, client) }

    /// Runs until the connection is over.
    /// - Parameter count: how many connections there are, one after the other.
    func run(_ count: Int = 1) throws -> [Outcome] {
        let (listening, connecting) = (Scripted("server"), Scripted("client"))
        defer {
            listening.forget()
            connecting.forget()
        }
        var outcomes = [Outcome()]
        var seen: Outcome {
            get { outcomes[outcomes.count - 1] }
            set { outcomes[outcomes.count - 1] = newValue }
        }
        listening.on("onStart") { (event: ContainerEvent) in
            let listener = try event.container.listen("amqps://127.0.0.1:0", tls: server)
            let container = event.container
            let connect = {
                try container.connect(
                    "\(clientScheme)://\(host):\(listener.port ?? 0)", handler: connecting,
                    options: ConnectionOptions(tls: client, virtualHost: virtualHost, reconnect: reconnect))
            }
            connecting.on("onConnectionFinal") { (_: ConnectionEvent) in
                if outcomes.count < count {
                    outcomes.append(Outcome())
                    _ = try connect()
                } else {
                    listener.close()
                }
            }
            _ = try connect()
        }
        connecting.on("onConnectionBound") { (_: ConnectionEvent) in seen.tries += 1 }
        listening.on("onConnectionOpening") { (event: ConnectionEvent) in seen.server = event.connection.transport?.tls
        }
        connecting.on("onConnectionOpened") { (event: ConnectionEvent) in
            seen.client = event.connection.transport?.tls
            try whenOpened(event)
        }
        connecting.on("onTransportError") { (event: TransportEvent) in seen.clientError = event.error }
        listening.on("onTransportError") { (event: TransportEvent) in seen.serverError = event.error }
        var options = ConnectionOptions.once
        if let authentication { options.authentication = authentication }
        try Container(listening, options: options).run()
        return outcomes
    }
}
