// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import ProtonEngine
import ProtonTesting

/// A peer of a broker in memory that writes its own frames, and may leave what the broker sends where it is.
final class MemoryPeer {
    /// A link over which it receives, by its handle.
    struct Link {
        let name: String
        /// How many deliveries have come (AMQP 1.0, 2.6.7).
        var deliveryCount: UInt32 = 0
        /// The last that credit was ever given for.
        var limit: UInt32 = 0
        var isDraining = false
        /// The texts of what it has not settled, by delivery-id.
        var unsettled: [UInt32: String] = [:]
    }

    let containerID: String
    /// Whether it reads nothing: its socket is full.
    var isBlocked = false
    private(set) var links: [UInt32: Link] = [:]
    /// How many messages it may send.
    private(set) var sendCredit = 0
    /// Its own handles, by those of the broker.
    private var handles: [UInt32: UInt32] = [:]
    /// The handles of links that are not attached yet, by their names.
    private var attaching: [(name: String, handle: UInt32)] = []
    /// The names of links whose detach is not answered.
    private var closing: [UInt32: String] = [:]
    private let driver: ConnectionDriver
    private var rest: ArraySlice<UInt8> = []
    private var transferCount: UInt32 = 0
    private var nextHandle: UInt32 = 1
    private var sentCount: UInt32 = 0

    init(_ broker: InMemoryBroker, id: String) throws {
        containerID = id
        driver = try broker.accept()
        try write(.amqpHeader, .open(id), .begin(["incoming-window": 1_000_000]))
    }

    var connection: Connection { driver.connection }

    // MARK: What it writes

    func write(_ frames: ProtonTesting.Frame...) throws {
        var bytes = try frames.flatMap { try $0.encoded() }[...]
        while !bytes.isEmpty {
            let taken = driver.putInput(bytes)
            bytes = bytes.dropFirst(taken)
            guard taken > 0 || !driver.isInputClosed else { return }
            while try driver.dispatchEvents() {}
        }
    }

    /// Receives from an address, or looks at what is there (AMQP 1.0, 3.5.7: `copy`).
    func attach(_ address: String, name: String, isBrowser: Bool = false) throws {
        links[nextHandle] = Link(name: name)
        attaching.append((name, nextHandle))
        nextHandle += 1
        let mode: AMQPValue = isBrowser ? .symbol("copy") : .null
        let source = AMQPValue.terminus(0x28, [.string(address), .null, .null, .null, .null, .null, mode])
        try write(.attach(receivingFrom: address, name: name, handle: nextHandle - 1, ["source": source]))
    }

    /// Whether a link has a name, as far as both sides know.
    func hasLink(named name: String) -> Bool {
        links.values.contains { $0.name == name } || closing.values.contains(name)
    }

    func flow(_ handle: UInt32, credit: UInt32, drain: Bool = false) throws {
        guard var link = links[handle] else { return }
        link.limit = max(link.limit, link.deliveryCount + credit)
        link.isDraining = drain && credit > 0
        links[handle] = link
        try write(
            .flow(
                credit: credit, handle: handle,
                [
                    "next-incoming-id": .uint(transferCount), "incoming-window": 1_000_000,
                    "delivery-count": .uint(link.deliveryCount), "drain": .boolean(drain),
                ]))
    }

    func settle(_ id: UInt32, on handle: UInt32, _ outcome: Outcome) throws -> String? {
        let text = links[handle]?.unsettled.removeValue(forKey: id)
        try write(.disposition(.outcome(outcome), id))
        return text
    }

    func close(_ handle: UInt32, isClosed: Bool) throws {
        closing[handle] = links.removeValue(forKey: handle)?.name
        try write(.detach(handle: handle, ["closed": .boolean(isClosed)]))
    }

    /// Sends to an address, over handle 0.
    func attachSender(_ address: String) throws {
        attaching.append(("sender", 0))
        try write(.attach(sendingTo: address, name: "sender"))
    }

    func send(_ message: Message) throws {
        sendCredit -= 1
        try write(.transfer(sentCount, message, ["settled": true]))
        sentCount += 1
    }

    /// Goes without a word.
    func drop() throws {
        driver.closeInput()
        driver.closeOutput()
        while try driver.dispatchEvents() {}
    }

    // MARK: What it reads

    /// Gives the broker's side its turn, and reads what that has sent.
    /// - Returns: whether anything has happened.
    func turn() throws -> Bool {
        let isMoving = try driver.dispatchEvents()
        guard !isBlocked else { return isMoving }
        let output = driver.takeOutput()
        guard !output.isEmpty else { return isMoving }
        rest += output
        while let frame = try ProtonTesting.Frame.take(from: &rest) { try take(frame) }
        return true
    }

    private func take(_ frame: ProtonTesting.Frame) throws {
        guard let number = frame["handle"].integer(as: UInt32.self) else { return }
        if frame.kind == .attach, let index = attaching.firstIndex(where: { .string($0.name) == frame["name"] }) {
            handles[number] = attaching.remove(at: index).handle
        }
        guard let handle = handles[number] else { return }
        switch frame.kind {
        case .transfer: try takeTransfer(frame, handle)
        case .flow where handle == 0:
            let end = (frame["delivery-count"].integer(as: Int.self) ?? 0)
            sendCredit = end + (frame["link-credit"].integer(as: Int.self) ?? 0) - Int(sentCount)
        case .flow:
            // The end of a drain: the delivery-count is moved on.
            guard links[handle]?.isDraining == true, let count = frame["delivery-count"].integer(as: UInt32.self) else {
                return
            }
            links[handle]?.deliveryCount = count
            links[handle]?.isDraining = false
        case .detach:
            handles[number] = nil
            closing[handle] = nil
            guard links.removeValue(forKey: handle) != nil else { return }
            try write(.detach(handle: handle))
        default: break
        }
    }

    private func takeTransfer(_ frame: ProtonTesting.Frame, _ handle: UInt32) throws {
        transferCount += 1
        // A link that was closed meanwhile: the broker knows what it had.
        guard var link = links[handle], let id = frame["delivery-id"].integer(as: UInt32.self) else { return }
        link.deliveryCount += 1
        try require(link.deliveryCount <= link.limit, "sent beyond the credit")
        let text = try frame.message().subject ?? ""
        try require(link.unsettled.updateValue(text, forKey: id) == nil, "a delivery-id is used twice")
        links[handle] = link
    }
}
