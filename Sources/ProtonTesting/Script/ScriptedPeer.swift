// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

/// A peer that follows a script frame by frame over a real socket, to test behaviour that no correct library has.
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
/// Each call waits for `limit` at most. If something other than the expected happens, it throws a `ScriptFailure`, which
/// describes both. For a peer that accepts connections, use `withScriptedServer`. Use a peer on one thread only.
public final class ScriptedPeer {
    /// The maximum wait of each call.
    public let limit: Duration
    /// The frames that the script has received, including protocol headers: the last 1,000.
    public private(set) var received: [Frame] = []

    private let socket: Socket
    private let isServer: Bool
    /// The bytes that arrived and were not yet read.
    private var buffer: ArraySlice<UInt8> = []

    init(_ socket: Socket, isServer: Bool, limit: Duration) {
        (self.socket, self.isServer, self.limit) = (socket, isServer, limit)
    }

    /// Connects to a port on loopback.
    /// - Parameters:
    ///   - port: the port, as in `broker.port`.
    ///   - limit: the maximum wait of each call. Default 10 seconds.
    ///   - receiveBuffer: the size in bytes of the socket's receive buffer; nil means the system's default. With a small one, a
    ///     peer that does not read blocks its sender early.
    /// - Throws: `ProtonError.Code.connectFailed` if nothing listens on the port.
    public convenience init(
        connectingTo port: Int, limit: Duration = .seconds(10), receiveBuffer: Int? = nil
    ) throws {
        self.init(try Socket.connect(to: port, receiveBuffer: receiveBuffer), isServer: false, limit: limit)
    }

    // MARK: Sending

    /// Sends frames.
    /// - Throws: `ProtonError.Code.invalidArgument` for a field that a performative does not have; `ScriptFailure` if the other
    ///   side has closed the connection, or does not read.
    public func send(_ frames: Frame...) throws {
        try send(frames)
    }

    /// Sends frames, all in one write.
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

    /// Waits for the next frame, which must have a kind and the given fields.
    /// - Parameters:
    ///   - kind: the expected kind.
    ///   - fields: the fields to compare, by their names in the specification. A field given as null must be absent, and one
    ///     given as false may be. Of a source, an error and other described lists, only parts that are not null are compared.
    ///   - skipped: kinds of frames that may arrive before, in any number.
    /// - Returns: the frame.
    /// - Throws: `ScriptFailure` if another frame arrives, or none; `ProtonError.Code.invalidArgument` for the name of a field
    ///   that the performative does not have.
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
                // The frame received last is the wrong one.
                throw failure("\(wanted)", .frame(frame), after: received.dropLast())
            }
        }
    }

    /// Waits until the other side closes its socket, without sending another frame.
    /// - Throws: `ScriptFailure` if a frame arrives, or if nothing happens.
    public func expectEnd() throws {
        let expected = "the end of the connection"
        guard let frame = try nextOrEnd(expected) else { return }
        throw failure(expected, .frame(frame), after: received.dropLast())
    }

    /// Waits for the next frame of any kind.
    public func receive() throws -> Frame { try next("a frame") }

    /// Waits for the end of the connection.
    /// - Returns: the frames that arrive before it.
    public func receiveAll() throws -> [Frame] {
        var frames: [Frame] = []
        while let frame = try nextOrEnd("the end of the connection") { frames.append(frame) }
        return frames
    }

    /// Waits for bytes, without decoding frames.
    /// - Returns: the bytes that arrived, at least one; empty at the end of the connection.
    public func receiveBytes() throws -> [UInt8] {
        if buffer.isEmpty, try !readMore("bytes") { return [] }
        defer { buffer = [] }
        return Array(buffer)
    }

    private func next(_ expected: String) throws -> Frame {
        guard let frame = try nextOrEnd(expected) else { throw failure(expected, .end) }
        return frame
    }

    /// - Returns: nil at the end of the connection.
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

    /// - Returns: false at the end of the connection.
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

    /// Does this side's part of opening the connection: protocol headers and open frames, and SASL ANONYMOUS if a client begins
    /// with SASL.
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

    /// Closes the socket without sending a frame: the other side sees the end of the connection.
    public func close() { socket.close() }

    /// Resets the connection: the other side's next call fails, as if this machine had crashed.
    public func reset() { socket.close(resets: true) }
}
