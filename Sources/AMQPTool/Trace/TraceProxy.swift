// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities
import Synchronization

/// Accepts connections, and passes each on to a broker.
final class TraceProxy: Sendable {
    /// How many connections are passed on at once; further ones are closed.
    static let limit = 256

    private struct State {
        var isStopping = false
        var begun = 0
        var ended = 0
        /// The sockets of the connections that are passed on, by their numbers.
        var open: [Int: [RelaySocket]] = [:]
    }

    private let listener: RelaySocket
    private let broker: (host: String, port: Int)
    private let log: TraceLog
    private let maxConnections: Int?
    private let state = Mutex(State())

    init(_ listener: RelaySocket, to broker: (host: String, port: Int), log: TraceLog, maxConnections: Int?) {
        (self.listener, self.broker, self.log, self.maxConnections) = (listener, broker, log, maxConnections)
    }

    /// Passes connections on until `stop` is called, or as many have ended as there may be.
    func run() throws {
        while let client = listener.accept() {
            let number: Int? = state.withLock { state in
                guard state.open.count < Self.limit else { return nil }
                state.begun += 1
                state.open[state.begun] = [client]
                return state.begun
            }
            guard let number else {
                log.note("a connection was closed: \(Self.limit) are passed on already")
                continue
            }
            start(number, client)
        }
        // What is passed on is read to its end by its own threads.
        let sockets = state.withLock { $0.open.values.flatMap(\.self) }
        for socket in sockets { socket.shutDown() }
        try log.finish()
    }

    /// Ends `run`, from any thread.
    func stop() {
        state.withLock { $0.isStopping = true }
        listener.shutDown()
    }

    private func start(_ number: Int, _ client: RelaySocket) {
        let thread = Thread.start { [self] in
            relay(number, client)
            let isLast = state.withLock { state in
                state.open[number] = nil
                state.ended += 1
                return maxConnections.map { state.ended >= $0 } ?? false
            }
            if isLast { stop() }
        }
        guard let thread else {
            log.note("connection \(number) was closed: no thread can be started for it")
            return state.withLock { $0.open[number] = nil }
        }
        thread.detach()
    }

    /// Passes the bytes of a connection on, both ways, until both sides have ended.
    private func relay(_ number: Int, _ client: RelaySocket) {
        let server: RelaySocket
        do {
            server = try RelaySocket.connect(to: broker)
        } catch {
            return log.note("connection \(number) was closed: \(error)")
        }
        state.withLock { $0.open[number]?.append(server) }
        log.begin(number, clientPort: client.remotePort)
        let back = Thread.start { [self] in
            pass(from: server, to: client) { log.take($0, number, isFromBroker: true) }
        }
        guard let back else { return log.note("connection \(number) was closed: no thread can be started for it") }
        pass(from: client, to: server) { [self] in log.take($0, number, isFromBroker: false) }
        back.join()
        log.end(number)
    }

    private func pass(from source: RelaySocket, to target: RelaySocket, _ note: (ArraySlice<UInt8>) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while let bytes = source.read(&buffer) {
            note(bytes)
            guard target.write(bytes) else {
                // Who does not read any more gets no more, and need not say more.
                source.shutDown()
                break
            }
        }
        target.endWriting()
    }
}
