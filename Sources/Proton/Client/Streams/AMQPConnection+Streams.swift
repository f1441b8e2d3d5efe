// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
import ProtonEngine

extension AMQPConnection {
    /// Sends a message whose body is created while it is sent, in data sections, so that neither side holds the whole message.
    ///
    ///     try await connection.send(streaming: file.readChunks(), to: "uploads")
    ///
    /// It is sent on its own session and link, as fast as the peer takes it: the next piece of the body is requested when the
    /// previous one is sent.
    /// - Parameters:
    ///   - body: the pieces of the body, each up to 4 GiB; each becomes a data section (AMQP 1.0, 3.2.6).
    ///   - message: the sections before the body: properties, annotations and others. Its own body and footer are not sent.
    ///   - address: the address to send to.
    ///   - options: further options, which are set before the link is opened.
    /// - Returns: accepted.
    /// - Throws: `AMQPSendError`: `.refused`; `.inDoubt` if the whole message was sent; `.notSent` if the link or the connection
    ///   was lost before, the task was cancelled, or the body threw an error, which is then the cause. In that case the delivery
    ///   is aborted (AMQP 1.0, 2.7.5).
    @discardableResult
    public func send<Body: AsyncSequence>(
        streaming body: Body, _ message: Message = Message(), to address: String, options: [LinkOption] = []
    ) async throws -> Outcome where Body.Element == [UInt8] {
        let stream = OutgoingStream()
        let option = LinkOption(options)
        let session = ClientSession(core)
        let link = ClientLink(core, "stream to \(address)", stream, as: .sender, address) { connection, handler in
            try connection.container.createSender(
                session.session(on: connection), address, handler: handler, options: option)
        }
        var message = message
        link.observe(&message, stream.receipt)
        do {
            try await write(body, after: message, to: stream, on: link)
        } catch {
            stream.end(error)
        }
        let result = await stream.receipt.result(withdraws: false)
        await link.close()
        session.close()
        switch result {
        case .success(.accepted): return .accepted
        case .success(let outcome): throw AMQPSendError.refused(outcome)
        case .failure(let error): throw error
        }
    }

    private func write<Body: AsyncSequence>(
        _ body: Body, after message: Message, to stream: OutgoingStream, on link: ClientLink
    ) async throws where Body.Element == [UInt8] {
        let encoded = try message.encoded()
        try await link.waitUntilAttached()
        try await write(Array(encoded.prefix(Message.headSize(of: encoded))), to: stream, on: link)
        var isEmpty = true
        for try await piece in body {
            // The header of the piece's data section.
            let header: [UInt8] = [0x00, 0x53, 0x75, 0xb0]
            guard let count = UInt32(exactly: piece.count) else {
                throw ProtonError(.invalidArgument, "A piece of a body has \(piece.count) bytes: 4 GiB is the most.")
            }
            try await write(header + withUnsafeBytes(of: count.bigEndian) { Array($0) } + piece, to: stream, on: link)
            isEmpty = false
        }
        // A message needs a body.
        if isEmpty { try await write([0x00, 0x53, 0x75, 0xa0, 0x00], to: stream, on: link) }
        stream.finish(on: link)
    }

    private func write(_ bytes: [UInt8], to stream: OutgoingStream, on link: ClientLink) async throws {
        if let error = await stream.write(bytes, on: link) { throw error }
        try Task.checkCancellation()
    }

    /// Creates a receiver whose messages arrive in pieces, so that neither side holds a whole message; it is attached on first
    /// use.
    ///
    ///     for try await delivery in connection.streams(from: "uploads") {
    ///         for try await piece in delivery.body { try file.write(piece) }
    ///         delivery.accept()
    ///     }
    /// - Parameters:
    ///   - address: the address to receive from.
    ///   - buffer: how many bytes of a body may wait here for the program; the session's window has the same size. Default 256
    ///     KiB.
    ///   - maxMessageSize: the maximum size of a message, in bytes; nil, the default, sets no limit.
    ///   - options: further options, which are set before the link is opened.
    public func streams(
        from address: String?, buffer: Int = 262_144, maxMessageSize: Int? = nil, options: [LinkOption] = []
    ) -> AMQPStreamReceiver {
        AMQPStreamReceiver(
            self, address, buffer: max(1, buffer), LinkOption([.maxMessageSize(maxMessageSize)] + options))
    }
}
