// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import Synchronization

/// A free port on loopback on which a script accepts connections; `withScriptedServer` makes one.
///
/// It may be used from any thread.
public final class ScriptedServer: Sendable {
    /// The port.
    public let port: Int
    private let listener: Socket
    private let limit: Duration
    /// The sockets are kept so that they close only when the result of the script is known: the other side cannot fail first.
    private let sockets = Mutex<[Socket]>([])

    /// Listens as long as the server exists; connections wait until they are accepted.
    /// - Parameter limit: the maximum wait of each call of the server and of its peers. Default 10 seconds.
    /// - Throws: `ProtonError.Code.listenFailed`.
    public init(limit: Duration = .seconds(10)) throws {
        listener = try Socket.listen()
        port = listener.port
        self.limit = limit
    }

    deinit {
        close()
    }

    /// The address to connect to, as in `127.0.0.1:5672`.
    public var address: String { "127.0.0.1:\(port)" }

    /// Waits for the next connection.
    /// - Throws: `ScriptFailure` if no connection arrives in time.
    public func accept() throws -> ScriptedPeer {
        let event: ScriptFailure.Event
        switch listener.accept(until: .now + limit) {
        case .value(let socket):
            sockets.withLock { $0.append(socket) }
            return ScriptedPeer(socket, isServer: true, limit: limit)
        case .end: event = .end
        case .timedOut: event = .nothing(within: limit)
        }
        throw ScriptFailure(expected: "a connection to \(address)", event: event, history: [])
    }

    /// Closes the port, and all connections.
    public func close() {
        listener.close()
        for socket in sockets.withLock({ $0 }) { socket.close() }
    }
}

/// Runs a server that follows a script, and its client.
///
///     try await withScriptedServer { server in
///         let peer = try server.accept()
///         try peer.handshake()
///         try peer.send(.begin(answering: peer.expect(.begin)))
///         let attach = try peer.expect(.attach)
///         try peer.send(.attach(answering: attach), .detach(error: "amqp:not-found"))
///         try peer.expect(.detach)
///         peer.close()
///     } client: { address in
///         try Container(MyHandler(address)).run()
///     }
///
/// Each runs on a thread of its own. When the script has ended, its connections are closed.
/// - Parameters:
///   - limit: the maximum wait of each step of the script. Default 10 seconds.
///   - script: the actions of the server; it may accept several connections.
///   - client: connects to the address that it receives.
/// - Returns: the result of the client.
/// - Throws: the first cause: the `ScriptFailure` if the client sent something unexpected, or else the client's error, or else
///   the script's error. If the script fails and the client does not end within `limit`, the client's thread continues.
public func withScriptedServer<Value: Sendable>(
    limit: Duration = .seconds(10), _ script: @escaping @Sendable (ScriptedServer) throws -> Void,
    client: @escaping @Sendable (_ address: String) throws -> Value
) async throws -> Value {
    try await withScriptedServer(
        limit: limit, script, asyncClient: { address in try await onThread { try client(address) } })
}

/// Runs a server that follows a script, and a client with async/await, as the form for blocking clients does.
/// - Parameters:
///   - limit: the maximum wait of each step of the script. Default 10 seconds.
///   - script: the actions of the server; it may accept several connections.
///   - client: connects to the address that it receives. It runs as a task.
/// - Returns: the result of the client.
/// - Throws: as the other form. If the script fails and the client does not end within `limit`, the client's task is cancelled.
public func withScriptedServer<Value: Sendable>(
    limit: Duration = .seconds(10), _ script: @escaping @Sendable (ScriptedServer) throws -> Void,
    asyncClient client: @escaping @Sendable (_ address: String) async throws -> Value
) async throws -> Value {
    let server = try ScriptedServer(limit: limit)
    defer { server.close() }
    return try await withThrowingTaskGroup(of: Step<Value>.self) { group in
        group.addTask { .script(await result { try await onThread { try script(server) } }) }
        group.addTask {
            .client(await result { [address = server.address] in try await client(address) })
        }
        var scripted: Result<Void, any Error>?
        var served: Result<Value, any Error>?
        while let step = try await group.next() {
            switch step {
            case .script(let result):
                scripted = result
                server.close()
                if case .failure = result, served == nil {
                    group.addTask {
                        // This limits the wait for the client, whose end is the event.
                        try? await Task.sleep(for: limit)
                        return .timeIsUp
                    }
                }
            case .client(let result):
                served = result
                // The client has ended, so the script must not wait for it.
                if case .failure = result { server.close() }
            case .timeIsUp:
                group.cancelAll()
            }
            if let scripted, let served {
                group.cancelAll()
                return try outcome(scripted, served)
            }
        }
        throw CancellationError()
    }
}

/// The result of the script or of the client, or the end of the time limit.
private enum Step<Value: Sendable>: Sendable {
    case script(Result<Void, any Error>)
    case client(Result<Value, any Error>)
    case timeIsUp
}

private func result<Value>(_ body: () async throws -> Value) async -> Result<Value, any Error> {
    do {
        return .success(try await body())
    } catch {
        return .failure(error)
    }
}

/// Returns or throws the cause, not the errors that follow from it.
private func outcome<Value>(
    _ scripted: Result<Void, any Error>, _ served: Result<Value, any Error>
) throws -> Value {
    switch (scripted, served) {
    case (.success, _): return try served.get()
    case (.failure(let failure as ScriptFailure), .failure(let error))
    where !failure.isMismatch && !(error is CancellationError):
        throw error
    case (.failure(let error), _): throw error
    }
}
