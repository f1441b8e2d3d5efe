// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine
import ProtonUtilities
import Synchronization

/// A TCP socket on loopback; every wait has a time limit.
///
/// It may be used from any thread; `close` ends the waits of other threads.
package final class Socket: Sendable {
    /// The result of a wait.
    enum Outcome<Value> {
        case value(Value)
        case end
        case timedOut
    }

    private enum State {
        case open(Int32, waiting: Int)
        /// The last waiting thread closes the socket, because the system reuses the number of a closed descriptor.
        case closing(Int32, waiting: Int)
        case closed
    }

    private let state: Mutex<State>
    /// The port that the socket listens on, or is connected to.
    let port: Int

    private init(_ descriptor: Int32, port: Int) {
        state = Mutex(.open(descriptor, waiting: 0))
        self.port = port
    }

    deinit {
        close()
    }

    // MARK: Making one

    /// Connects to a port on loopback.
    /// - Parameter receiveBuffer: the size in bytes of the socket's receive buffer; nil means the system's default.
    static func connect(to port: Int, receiveBuffer: Int?) throws -> Socket {
        guard let number = UInt16(exactly: port), number > 0 else {
            throw ProtonError(.invalidArgument, "A peer cannot connect to port \(port): it must be from 1 to 65535.")
        }
        let descriptor = try make()
        let socket = Socket(descriptor, port: port)
        if let receiveBuffer {
            var size = Int32(clamping: receiveBuffer)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = loopback(number)
        // On loopback this does not block, even if nothing accepts the connection.
        guard with(&address, { Glibc.connect(descriptor, $0, $1.pointee) }) == 0 else {
            throw ProtonError(.connectFailed, "Cannot connect to 127.0.0.1:\(port): \(Socket.reason(errno)).")
        }
        return socket
    }

    /// Listens on a free loopback port.
    static func listen() throws -> Socket {
        let descriptor = try make()
        var address = loopback(0)
        guard with(&address, { bind(descriptor, $0, $1.pointee) }) == 0, Glibc.listen(descriptor, 64) == 0,
            with(&address, { getsockname(descriptor, $0, $1) }) == 0,
            // If a connection is closed before it is accepted, a blocking `accept` would wait for the next one.
            fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0
        else {
            let reason = Socket.reason(errno)
            Glibc.close(descriptor)
            throw ProtonError(.listenFailed, "Cannot listen on a port of this machine: \(reason).")
        }
        return Socket(descriptor, port: Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func make() throws -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else {
            throw ProtonError(.limitExceeded, "No socket can be made: \(reason(errno)).")
        }
        return descriptor
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func with<Result>(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result
    ) -> Result {
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &size) }
        }
    }

    private static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }

    // MARK: Using it

    /// Waits for a connection.
    func accept(until deadline: ContinuousClock.Instant) -> Outcome<Socket> {
        wait(for: POLLIN, until: deadline) { [port] descriptor in
            let accepted = Glibc.accept(descriptor, nil, nil)
            guard accepted >= 0 else { return nil }
            _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
            return .value(Socket(accepted, port: port))
        }
    }

    /// Waits for bytes.
    func read(until deadline: ContinuousClock.Instant) -> Outcome<[UInt8]> {
        wait(for: POLLIN, until: deadline) { descriptor in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            return count > 0 ? .value(Array(buffer.prefix(count))) : count == 0 ? .end : nil
        }
    }

    /// Writes all bytes.
    func write(_ bytes: [UInt8], until deadline: ContinuousClock.Instant) -> Outcome<Void> {
        var rest = bytes[...]
        while !rest.isEmpty {
            let outcome: Outcome<Int> = wait(for: POLLOUT, until: deadline) { descriptor in
                let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) }
                return count >= 0 ? .value(count) : nil
            }
            switch outcome {
            case .value(let count): rest = rest.dropFirst(count)
            case .end: return .end
            case .timedOut: return .timedOut
            }
        }
        return .value(())
    }

    /// Waits until the socket is ready, and calls a closure.
    /// - Parameter body: returns nil on failure, with the reason in `errno`.
    private func wait<Value>(
        for events: Int32, until deadline: ContinuousClock.Instant, _ body: (Int32) -> Outcome<Value>?
    ) -> Outcome<Value> {
        guard let descriptor = beginWaiting() else { return .end }
        defer { endWaiting() }
        while true {
            let left = max(.zero, ContinuousClock.now.duration(to: deadline))
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&entry, 1, Int32(clamping: left.milliseconds + 1))
            if count > 0 {
                if let outcome = body(descriptor) { return outcome }
                // The socket is not ready after all, or the call was interrupted: try again. All other errors mean that the
                // connection is closed.
                if errno != EAGAIN, errno != EINTR, errno != ECONNABORTED { return .end }
            } else if count < 0, errno != EINTR {
                return .end
            }
            if ContinuousClock.now >= deadline { return .timedOut }
        }
    }

    // MARK: Ending it

    private func beginWaiting() -> Int32? {
        state.withLock { state in
            guard case .open(let descriptor, let waiting) = state else { return nil }
            state = .open(descriptor, waiting: waiting + 1)
            return descriptor
        }
    }

    private func endWaiting() {
        state.withLock { state in
            switch state {
            case .open(let descriptor, let waiting): state = .open(descriptor, waiting: waiting - 1)
            case .closing(let descriptor, let waiting) where waiting > 1:
                state = .closing(descriptor, waiting: waiting - 1)
            case .closing(let descriptor, _):
                _ = Glibc.close(descriptor)
                state = .closed
            case .closed: break
            }
        }
    }

    /// Closes the socket, and ends the waits of other threads.
    /// - Parameter resets: whether to reset the connection instead of closing it gracefully.
    func close(resets: Bool = false) {
        state.withLock { state in
            guard case .open(let descriptor, let waiting) = state else { return }
            if resets {
                var option = linger(l_onoff: 1, l_linger: 0)
                setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
            }
            if waiting > 0 {
                _ = shutdown(descriptor, Int32(SHUT_RDWR))
                state = .closing(descriptor, waiting: waiting)
            } else {
                _ = Glibc.close(descriptor)
                state = .closed
            }
        }
    }
}
