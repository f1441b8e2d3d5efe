// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine
import ProtonUtilities
import Synchronization

/// A TCP socket on loopback, whose every wait has a bound.
///
/// It may be used from any thread; `close` ends what others wait for.
package final class Socket: Sendable {
    /// What a wait came to.
    enum Outcome<Value> {
        case value(Value)
        case end
        case timedOut
    }

    private enum State {
        case open(Int32, waiting: Int)
        /// To be closed by the last that waits, since the system gives the number of a closed socket to another one.
        case closing(Int32, waiting: Int)
        case closed
    }

    private let state: Mutex<State>
    /// The port that it listens on, or that it is connected to.
    let port: Int

    private init(_ descriptor: Int32, port: Int) {
        state = Mutex(.open(descriptor, waiting: 0))
        self.port = port
    }

    deinit {
        close()
    }

    // MARK: Making one

    /// Connects to a port of this machine.
    /// - Parameter receiveBuffer: how many bytes the system keeps for a reader that is slow; nil is the system's choice.
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
        // On loopback this takes no time, also where nobody accepts.
        guard with(&address, { Glibc.connect(descriptor, $0, $1.pointee) }) == 0 else {
            throw ProtonError(.connectFailed, "Cannot connect to 127.0.0.1:\(port): \(Socket.reason(errno)).")
        }
        return socket
    }

    /// Listens on a free port of this machine.
    static func listen() throws -> Socket {
        let descriptor = try make()
        var address = loopback(0)
        guard with(&address, { bind(descriptor, $0, $1.pointee) }) == 0, Glibc.listen(descriptor, 64) == 0,
            with(&address, { getsockname(descriptor, $0, $1) }) == 0,
            // A connection that goes before it is accepted must not make that wait for the next one.
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

    /// Waits until the socket is ready, and has something done with it.
    /// - Parameter body: returns nil where `errno` tells why it could not be done.
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
                // Not ready after all, or interrupted: once more. All else means that the connection is gone.
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

    /// Closes it, and ends what others wait for.
    /// - Parameter resets: whether the other side is told by a reset, and not by the end of the bytes.
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
