// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Proton
import ProtonTesting
import Synchronization
import Testing

/// What the id of a transaction, which a peer chooses, must not do: not fit the frames that the same peer takes.
@Suite(.timeLimit(.minutes(1)))
struct TransactionIDTests {
    /// Sends one message in a transaction.
    private final class Transacting: TransactionalClientHandler {
        private let url: String
        private var sender: Sender?

        init(_ url: String) { self.url = url }

        func onStart(_ event: ContainerEvent) throws {
            let connection = try event.container.connect(url)
            sender = try event.container.createSender(connection, "queue")
            try event.container.declareTransaction(connection, handler: self)
        }

        func onTransactionDeclared(_ event: TransactionEvent) throws {
            guard let sender else { return }
            try event.transaction.send(sender, Message(body: .data([UInt8](repeating: 7, count: 100))))
            event.connection.close()
        }
    }

    private func run(idSize: Int) async throws -> (transfers: [Frame], failure: String?) {
        let received = Mutex<[Frame]>([])
        let failure = try await withScriptedServer { server in
            let peer = try server.accept()
            try peer.handshake(.open("server", ["max-frame-size": 512]))
            try peer.send(.begin(answering: peer.expect(.begin)))
            var coordinator: UInt32?
            while coordinator == nil {
                let attach = try peer.expect(.attach)
                try peer.send(.attach(answering: attach), .flow(credit: 10, handle: attach.handle))
                if "\(attach["target"])".contains("local-transactions") { coordinator = attach.handle }
            }
            let declare = try peer.expect(.transfer, ["handle": .uint(coordinator ?? 0)])
            try peer.send(.disposition(.declared(id: [UInt8](repeating: 1, count: idSize)), declare.deliveryID))
            var transfers: [Frame] = []
            while let frame = try? peer.receive(), frame.kind != .close {
                if frame.kind == .transfer { transfers.append(frame) }
            }
            try peer.send(.close())
            received.withLock { $0 = transfers }
        } client: { address -> String? in
            do {
                try Container(Transacting("\(address)/queue"), options: ConnectionOptions(reconnect: nil)).run()
                return nil
            } catch {
                return "\(error)"
            }
        }
        return (received.withLock(\.self), failure)
    }

    @Test func theLongestIdFitsTheSmallestFrame() async throws {
        let (transfers, failure) = try await run(idSize: 256)
        #expect(failure == nil)
        #expect(transfers.count == 1 && transfers.allSatisfy { $0.payload.count == 105 })
        #expect(try transfers.allSatisfy { try $0.encoded().count <= 512 })
    }

    @Test(arguments: [257, 440, 600, 4_000])
    func aLongerOneIsRefused(idSize: Int) async throws {
        let (transfers, failure) = try await run(idSize: idSize)
        #expect(transfers.isEmpty)
        #expect(failure?.contains("an id of \(idSize) bytes: at most 256 are taken") == true, "\(failure ?? "none")")
    }
}
