// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A peer that does frame by frame what a script says, over a real socket: for what no well-behaved library would do.
///
///     let peer = try ScriptedPeer(connectingTo: broker.port)
///     try peer.handshake()
///     try peer.send(.begin(), .attach(sendingTo: "queue"))
///     try peer.expect(.begin)
///     try peer.expect(.attach, ["role": true])
///     try peer.expect(.flow)
///     try peer.send(bytes: [0xde, 0xad, 0xbe, 0xef])
///     try peer.expect(.close)
///
/// Each call waits for `limit` at most; what comes otherwise than expected is thrown as a `ScriptFailure`, which tells
/// both in words. A peer that another one is to connect to is made by `withScriptedServer`. It belongs to one thread.
public final class ScriptedPeer {
    /// How long each call waits at most.
    public let limit: Duration
    /// The frames that came and were taken, headers included: the last 1,000.
    public private(set) var received: [Frame] = []

    private let socket: Socket
    private let isServer: Bool
    /// What came and was not taken.
    private var buffer: ArraySlice<UInt8> = []

    init(_ socket: Socket, isServer: Bool, limit: Duration) {
        (self.socket, self.isServer, self.limit) = (socket, isServer, limit)
    }

    /// Connects to a port of this machine.
    /// - Parameters:
    ///   - port: the port, as in `broker.port`.
    ///   - limit: how long each call waits at most. Default 10 seconds.
    ///   - receiveBuffer: how many bytes the system keeps that this peer does not read; nil is the system's choice. A
    ///     small one makes a peer that is slow at once.
    /// - Throws: `ProtonError.Code.connectFailed` where nobody listens.
    public convenience init(
        connectingTo port: Int, limit: Duration = .seconds(10), receiveBuffer: Int? = nil
    ) throws {
        self.init(try Socket.connect(to: port, receiveBuffer: receiveBuffer), isServer: false, limit: limit)
    }

    // MARK: Sending

    /// Sends frames.
    /// - Throws: `ProtonError.Code.invalidArgument` for a field that a performative has not; `ScriptFailure` where the
    ///   other side is gone, or does not read.
    public func send(_ frames: Frame...) throws {
        try send(frames)
    }

    /// Sends frames, all at once.
    public func send(_ frames: [Frame]) throws {
        let text = frames.map(\.kind.rawValue).joined(separator: ", ")
        try write(frames.flatMap { try $0.encoded() }, "to send \(text)")
    }

    /// Sends any bytes.
    public func send(bytes: [UInt8]) throws {
        try write(bytes, "to send \(bytes.count) bytes")
    }

    private func write(_ bytes: [UInt8], _ expected: String) throws {
        switch socket.write(bytes, until: .now + limit) {
        case .value: return
        case .end: throw failure(expected, .end)
        case .timedOut: throw failure(expected + ", which the other side does not read", .nothing(within: limit))
        }
    }

    // MARK: Expecting

    /// Waits for the next frame, which has to be of a kind, with the fields that are given.
    /// - Parameters:
    ///   - kind: what it has to be.
    ///   - fields: the fields that matter, by the names that the specification has for them; null has to be left out, and
    ///     false may be. Of a source, an error and the like only those parts count that are not null.
    ///   - skipped: kinds of frames that may come before, as many as there are: those whose number is not known.
    /// - Returns: the frame.
    /// - Throws: `ScriptFailure` where something else comes, or nothing; `ProtonError.Code.invalidArgument` for the name of
    ///   a field that the performative has not.
    @discardableResult
    public func expect(
        _ kind: Frame.Kind, _ fields: KeyValuePairs<String, AMQPValue> = [:], skipping skipped: Frame.Kind...
    ) throws -> Frame {
        let wanted = Frame(kind, fields)
        try wanted.checkNames()
        while true {
            let frame = try next("\(wanted)")
            let isRight = fields.allSatisfy { name, _ in frame[name].matches(wanted[name]) }
            if frame.kind == kind, isRight { return frame }
            guard skipped.contains(frame.kind) else {
                // What was taken last is what is wrong.
                throw failure("\(wanted)", .frame(frame), after: received.dropLast())
            }
        }
    }

    /// Waits for the end of the connection: the other side has closed its socket, and said nothing more.
    /// - Throws: `ScriptFailure` where a frame comes, or nothing happens.
    public func expectEnd() throws {
        let expected = "the end of the connection"
        guard let frame = try nextOrEnd(expected) else { return }
        throw failure(expected, .frame(frame), after: received.dropLast())
    }

    /// Waits for the next frame, whatever it is.
    public func receive() throws -> Frame { try next("a frame") }

    /// Waits for the end of the connection.
    /// - Returns: the frames that come before.
    public func receiveAll() throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try nextOrEnd("the end of the connection") { frames.append(frame) }
        return frames
    }

    /// Waits for bytes, in place of frames.
    /// - Returns: what there is, at least one; empty at the end of the connection.
    public func receiveBytes() throws -> [UInt8] {
        if buffer.isEmpty, try !readMore("bytes") { return [] }
        defer { buffer = [] }
        return Array(buffer)
    }

    private func next(_ expected: String) throws -> Frame {
        guard let frame = try nextOrEnd(expected) else { throw failure(expected, .end) }
        return frame
    }

    /// - Returns: nil at the end.
    private func nextOrEnd(_ expected: String) throws -> Frame? {
        while true {
            do {
                if let frame = try Frame.take(from: &buffer) {
                    received.append(frame)
                    if received.count > 1_000 { received.removeFirst(500) }
                    return frame
                }
            } catch {
                throw failure(expected, .bytes("\(error)"))
            }
            guard try readMore(expected) else {
                if buffer.isEmpty { return nil }
                throw failure(expected, .bytes("the end of the connection within a frame"))
            }
        }
    }

    /// - Returns: false at the end.
    private func readMore(_ expected: String) throws -> Bool {
        switch socket.read(until: .now + limit) {
        case .value(let bytes): buffer += bytes
        case .end: return false
        case .timedOut: throw failure(expected, .nothing(within: limit))
        }
        return true
    }

    private func failure(_ expected: String, _ event: ScriptFailure.Event, after frames: ArraySlice<Frame>? = nil)
        -> ScriptFailure
    {
        ScriptFailure(expected: expected, event: event, history: (frames ?? received[...]).suffix(10).map(\.kind))
    }

    // MARK: Beginning and ending

    /// Does this side's part of the opening: headers and open frames, and SASL ANONYMOUS where a client begins with SASL.
    /// - Parameter open: this side's open frame.
    /// - Returns: the other side's open frame.
    @discardableResult
    public func handshake(_ open: Frame = .open()) throws -> Frame {
        if isServer {
            let header = try receive()
            if header.kind == .saslHeader {
                try send(.saslHeader, .saslMechanisms("ANONYMOUS"))
                try expect(.saslInit)
                try send(.saslOutcome(0))
                try expect(.amqpHeader)
            } else if header.kind != .amqpHeader {
                throw failure("AMQP header or SASL header", .frame(header), after: received.dropLast())
            }
            try send(.amqpHeader)
            let other = try expect(.open)
            try send(open)
            return other
        }
        try send(.amqpHeader, open)
        try expect(.amqpHeader)
        return try expect(.open)
    }

    /// Closes the socket without a word: the other side sees the end of the connection.
    public func close() { socket.close() }

    /// Resets the connection: the other side's next call fails, as when this machine had crashed.
    public func reset() { socket.close(resets: true) }
}
