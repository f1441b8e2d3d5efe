// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton
import ProtonUtilities

/// A server of pages for programs that look after this one: GET and HEAD, a request a connection.
///
/// It is so small because general servers let a peer send a head of any size and take any time for it. Here a head has a limit,
/// a connection ends after ten seconds, and there are no more than 32: another one takes the place of the oldest.
final class HTTPServer: Sendable {
    /// Where it listens, as in `127.0.0.1:9090`.
    let addresses: [String]
    /// This side of a pair of sockets, whose end tells the server's thread to end.
    private let stopSocket: Int32

    /// Listens, and serves on a thread of its own until it is stopped.
    /// - Parameters:
    ///   - timeout: how long a connection may take.
    ///   - respond: called on that thread.
    /// - Throws: `ProtonError.Code.listenFailed`, or `.limitExceeded` where the system has no thread or socket left.
    init(
        _ address: HTTPAddress, timeout: Duration = .seconds(10),
        _ respond: @escaping @Sendable (HTTPRequest) -> HTTPResponse
    ) throws {
        let listeners = try address.listen()
        addresses = listeners.map(\.address)
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            for listener in listeners { close(listener.descriptor) }
            throw ProtonError(.limitExceeded, "http: there are no sockets: \(String(cString: strerror(errno))).")
        }
        stopSocket = ends[0]
        let loop = HTTPLoop(listeners: listeners.map(\.descriptor), stop: ends[1], timeout: timeout)
        guard let thread = Thread.start({ loop.run(respond) }) else {
            for descriptor in listeners.map(\.descriptor) + ends { close(descriptor) }
            throw ProtonError(.limitExceeded, "http: no thread can be started: is a limit of the system reached?")
        }
        thread.detach()
    }

    deinit { close(stopSocket) }

    /// Closes the port and all connections, soon.
    func stop() { shutdown(stopSocket, Int32(SHUT_RDWR)) }
}

/// What the thread of a server does.
private struct HTTPLoop {
    private static let maxConnections = 32
    /// How long no connection is taken after the system had no descriptor for one.
    private static let pause = Duration.seconds(1)

    let listeners: [Int32]
    let stop: Int32
    let timeout: Duration

    /// Serves until `stop` ends; closes all sockets then.
    func run(_ respond: (HTTPRequest) -> HTTPResponse) {
        var exchanges: [HTTPExchange] = []
        var pauseEnd: ContinuousClock.Instant?
        defer { for descriptor in exchanges.map(\.descriptor) + listeners + [stop] { close(descriptor) } }
        while true {
            let listening = pauseEnd == nil ? listeners : []
            var sockets = ([stop] + listening).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            sockets += exchanges.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
            let nextEnd = (exchanges.map(\.deadline) + [pauseEnd].compactMap(\.self)).min()
            let count = poll(&sockets, nfds_t(sockets.count), HTTPLoop.milliseconds(until: nextEnd))
            guard count >= 0 || errno == EINTR, sockets[0].revents == 0 else { return }
            let ready = Set(sockets.dropFirst().filter { $0.revents != 0 }.map(\.fd))
            let now = ContinuousClock.now
            HTTPLoop.proceed(&exchanges, ready, now, respond)
            if let end = pauseEnd, end <= now { pauseEnd = nil }
            for listener in listening where ready.contains(listener) {
                if !take(listener, &exchanges, now) { pauseEnd = now + HTTPLoop.pause }
            }
        }
    }

    /// For `poll`: -1 is for ever.
    private static func milliseconds(until end: ContinuousClock.Instant?) -> Int32 {
        guard let end else { return -1 }
        return Int32(clamping: max(0, (end - .now).milliseconds))
    }

    private static func proceed(
        _ exchanges: inout [HTTPExchange], _ ready: Set<Int32>, _ now: ContinuousClock.Instant,
        _ respond: (HTTPRequest) -> HTTPResponse
    ) {
        exchanges = exchanges.compactMap { exchange in
            var exchange = exchange
            if now < exchange.deadline,
                !ready.contains(exchange.descriptor) || exchange.proceed(respond)
            {
                return exchange
            }
            close(exchange.descriptor)
            return nil
        }
    }

    /// Takes a connection.
    /// - Returns: false where the system cannot give one, and would say so again at once.
    private func take(
        _ listener: Int32, _ exchanges: inout [HTTPExchange], _ now: ContinuousClock.Instant
    ) -> Bool {
        let descriptor = accept(listener, nil, nil)
        // Other errors are those of a connection that has ended before it was taken.
        guard descriptor >= 0 else { return ![EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        if exchanges.count >= HTTPLoop.maxConnections { close(exchanges.removeFirst().descriptor) }
        exchanges.append(HTTPExchange(descriptor, deadline: now + timeout))
        return true
    }
}
