// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation
import Proton
import ProtonBroker
import Testing

@testable import store_writer

/// A client of a broker that is killed when so much has happened; it ends then, or fails after a minute.
class CrashClient: MessagingHandler {
    let options = HandlerOptions(prefetch: 0, autoAccepts: false)
    /// How many events there are to be before the broker is killed.
    private var rest: Int
    private let port: Int
    private let kill: () -> Void
    private(set) var connection: Connection?

    init(port: Int, until count: Int, kill: @escaping () -> Void) {
        (self.port, rest, self.kill) = (port, count, kill)
    }

    func run(containerID: String? = nil) throws {
        let container = try Container(self, id: containerID, options: ConnectionOptions(reconnect: nil))
        do {
            try container.run()
        } catch let error as ProtonError where isOver && error.code != .timedOut {
            // The broker was killed.
        }
    }

    /// Whether the broker was killed.
    var isOver: Bool { rest == 0 }

    /// Something has happened; the last thing that does is that the broker is killed.
    func count() {
        guard rest > 0 else { return }
        rest -= 1
        if rest == 0 { kill() }
    }

    /// What there is to say of a round that does not end.
    var description: String { "\(rest) events to go" }

    /// Opens its links.
    func begin(_ container: Container, _ connection: Connection) throws {}

    func onStart(_ event: ContainerEvent) throws {
        event.container.schedule(after: .seconds(60)) { [unowned self] in
            throw ProtonError(.timedOut, "A round of load does not end: \(description)")
        }
        let connection = try event.container.connect("127.0.0.1:\(port)")
        self.connection = connection
        try begin(event.container, connection)
    }

    func onConnectionClosed(_ event: ConnectionEvent) { event.container.stop() }
    func onDisconnected(_ event: TransportEvent) { event.container.stop() }

    // Classes override these.
    func onSendable(_ event: SenderEvent) throws {}
    func onMessage(_ event: MessageEvent) throws {}
    func onAccepted(_ event: DeliveryEvent) throws {}
    func onSettled(_ event: DeliveryEvent) throws {}
    func onLinkOpened(_ event: LinkEvent) throws {}
    func onLinkClosed(_ event: LinkEvent) throws {}
}

/// A broker with a store, in a process that is killed.
struct CrashBroker {
    let program: StoreProgram
    let port: Int

    /// Starts one, and waits until it listens.
    init(_ folder: Folder, threads: Int) throws {
        program = try StoreProgram("serve", folder.file(), "\(threads)")
        program.read(lines: 1, atMost: .seconds(10))
        guard let port = program.lines.first.flatMap({ Int($0) }) else {
            throw StoreProgram.Failure(description: "no broker: \(program.lines)")
        }
        self.port = port
    }
}

/// The numbers that the messages of each queue of a store say, by the queue's address.
func numbers(in folder: Folder) throws -> [String: [UInt64]] {
    var addresses: [UInt64: String] = [:]
    var numbers: [String: [UInt64]] = [:]
    for item in try contents(folder.file()) {
        switch item {
        case .queue(let queue):
            addresses[queue.id] = queue.address
            numbers[queue.address] = []
        case .message(let stored):
            let message = try Message(decoding: stored.bytes)
            guard case .value(.ulong(let number)) = message.body, let address = addresses[stored.queue] else {
                throw StoreProgram.Failure(description: "a message that nobody sent: \(message)")
            }
            numbers[address, default: []].append(number)
        }
    }
    return numbers
}

/// A durable message that is its number.
func numbered(_ number: UInt64) -> Message { Message(body: .value(.ulong(number)), isDurable: true) }

#endif
