// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A connection that is taken: one request, one response, and its end.
struct HTTPExchange {
    private enum State {
        case reading([UInt8])
        case writing([UInt8], sent: Int)
        /// The response is sent. What still comes, such as a body, is read and dropped: to close a socket with bytes that were
        /// not read resets the connection, and the peer may lose the response.
        case draining(room: Int)
    }

    /// The most bytes that are dropped.
    private static let maxDrained = 65_536

    let descriptor: Int32
    /// When it ends at the latest.
    let deadline: ContinuousClock.Instant
    private var state = State.reading([])

    init(_ descriptor: Int32, deadline: ContinuousClock.Instant) {
        (self.descriptor, self.deadline) = (descriptor, deadline)
    }

    /// What it waits for.
    var events: Int16 { if case .writing = state { Int16(POLLOUT) } else { Int16(POLLIN) } }

    /// Goes on, now that the socket is ready.
    /// - Returns: whether the connection is of use still.
    mutating func proceed(_ respond: (HTTPRequest) -> HTTPResponse) -> Bool {
        switch state {
        case .reading(let bytes): read(after: bytes, respond)
        case .writing(let bytes, let sent): write(bytes, sent)
        case .draining(let room): drain(room)
        }
    }

    private mutating func read(after before: [UInt8], _ respond: (HTTPRequest) -> HTTPResponse) -> Bool {
        guard let new = receive() else { return false }
        let bytes = before + new
        let request = HTTPRequest(bytes)
        guard request != .incomplete else {
            state = .reading(bytes)
            return true
        }
        return write(respond(request).bytes, 0)
    }

    private mutating func write(_ bytes: [UInt8], _ sent: Int) -> Bool {
        let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        guard count >= 0 || HTTPExchange.isPassing(errno) else { return false }
        let total = sent + max(0, count)
        guard total == bytes.count else {
            state = .writing(bytes, sent: total)
            return true
        }
        state = .draining(room: HTTPExchange.maxDrained)
        return shutdown(descriptor, Int32(SHUT_WR)) == 0
    }

    private mutating func drain(_ room: Int) -> Bool {
        guard let bytes = receive(), bytes.count < room else { return false }
        state = .draining(room: room - bytes.count)
        return true
    }

    /// What has come, which may be nothing yet; nil where the peer has closed the connection, or it is lost.
    private func receive() -> ArraySlice<UInt8>? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { return buffer[..<count] }
        return count < 0 && HTTPExchange.isPassing(errno) ? [] : nil
    }

    /// Whether an error says no more than to try again.
    static func isPassing(_ code: Int32) -> Bool { code == EAGAIN || code == EINTR }
}
