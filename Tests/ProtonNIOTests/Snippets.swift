// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if NIO

import NIOCore
import Proton
import ProtonNIO

/// The snippets of ProtonNIO.md, compiled.
private enum Snippets {
    static func bodies(_ connection: AMQPConnection, _ channel: any Channel, _ buffer: ByteBuffer) async throws {
        try await connection.send(Message(body: .data(buffer)), to: "frames")
        for try await delivery in connection.receiver(from: "frames") {
            if let body = delivery.message.bodyBuffer { try await channel.writeAndFlush(body) }
            delivery.accept()
        }
    }
}

#endif
