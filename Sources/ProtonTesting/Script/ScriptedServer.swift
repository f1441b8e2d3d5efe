// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonEngine
import Synchronization

/// A free port of this machine that a script accepts connections on; `withScriptedServer` makes one.
///
/// It may be used from any thread.
public final class ScriptedServer: Sendable {
    /// The port.
    public let port: Int
    private let listener: Socket
    private let limit: Duration
    /// Kept, since they are closed when what the script came to is known: then the other side cannot be first to fail.
    private let sockets = Mutex<[Socket]>([])

    /// Listens, for as long as the server is kept: connections wait until they are accepted.
    /// - Parameter limit: how long each call of the server and of its peers waits at most. Default 10 seconds.
    /// - Throws: `ProtonError.Code.listenFailed`.
    public init(limit: Duration = .seconds(10)) throws {
        listener = try Socket.listen()
        port = listener.port
        self.limit = limit
    }

    deinit {
        close()
    }

    /// Where to connect to, as in `127.0.0.1:5672`.
    public var address: String { "127.0.0.1:\(port)" }

    /// Waits for the next connection.
    /// - Throws: `ScriptFailure` where nobody connects.
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

/// Runs a server that a script plays, and its client.
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
/// Each runs on a thread of its own. When the script is over, its connections are closed.
/// - Parameters:
///   - limit: how long each step of the script waits at most. Default 10 seconds.
///   - script: what the server does; it may accept several connections.
///   - client: what connects to the address that it is given.
/// - Returns: what the client returns.
/// - Throws: what was wrong first: the `ScriptFailure` where the client sent something else than the script says, or else
///   what the client throws, or else what the script does. Where the script fails and the client does not end within
///   `limit`, its thread is left behind.
public func withScriptedServer<Value: Sendable>(
    limit: Duration = .seconds(10), _ script: @escaping @Sendable (ScriptedServer) throws -> Void,
    client: @escaping @Sendable (_ address: String) throws -> Value
) async throws -> Value {
    try await withScriptedServer(
        limit: limit, script, asyncClient: { address in try await onThread { try client(address) } })
}

/// Runs a server by a script beside a client with async/await, as the form for clients that block does.
/// - Parameters:
///   - limit: how long each step of the script waits at most. Default 10 seconds.
///   - script: what the server does; it may accept several connections.
///   - client: what connects to the address that it is given. It runs as a task.
/// - Returns: what the client returns.
/// - Throws: as the other form. Where the script fails and the client does not end within `limit`, its task is cancelled.
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
                        // The bound of the wait for the client, whose end is the event.
                        try? await Task.sleep(for: limit)
                        return .timeIsUp
                    }
                }
            case .client(let result):
                served = result
                // What the script still waits for will not come.
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

/// What one of the two came to, or that there is no more time for the client.
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

/// Tells the cause, and not what came of it.
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
