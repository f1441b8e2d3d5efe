// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonEngine
import Synchronization

/// What the proxy tells of its connections: lines of frames, and packets in a file. It may be used from any thread.
final class TraceLog: Sendable {
    private struct Connection {
        var fromClient = FrameCutter(maxSize: TraceLog.maxFrameSize)
        var fromBroker = FrameCutter(maxSize: TraceLog.maxFrameSize)
        var packets: PacketStream
    }

    private struct State {
        var connections: [Int: Connection] = [:]
        var capture: PacketCapture?
    }

    /// Frames beyond this size are not printed, nor what follows them.
    static let maxFrameSize = 64 << 20

    /// How many characters of a message are printed; nil where no frames are.
    private let payload: Int?
    private let state: Mutex<State>

    init(payload: Int?, capture: PacketCapture?) {
        self.payload = payload
        state = Mutex(State(capture: capture))
    }

    func begin(_ number: Int, clientPort: Int) {
        state.withLock { state in
            var connection = Connection(packets: PacketStream(clientPort: UInt16(clamping: clientPort)))
            state.capture?.write(connection.packets.open())
            state.connections[number] = connection
        }
        note("connection \(number) begins")
    }

    func take(_ bytes: ArraySlice<UInt8>, _ number: Int, isFromBroker: Bool) {
        state.withLock { state in
            // Taken out, so that its buffers are not copied.
            guard var connection = state.connections.removeValue(forKey: number) else { return }
            state.capture?.write(connection.packets.carry(bytes, isFromServer: isFromBroker))
            if let payload {
                let cutter = isFromBroker ? \Connection.fromBroker : \Connection.fromClient
                for line in connection[keyPath: cutter].lines(of: bytes, isFromBroker, payload) { print(number, line) }
            }
            state.connections[number] = connection
        }
    }

    func end(_ number: Int) {
        state.withLock { state in
            guard var connection = state.connections.removeValue(forKey: number) else { return }
            state.capture?.write(connection.packets.close())
        }
        note("connection \(number) has ended")
    }

    /// - Throws: the first error of the file.
    func finish() throws {
        try state.withLock { try $0.capture?.finish() }
    }

    /// Prints a frame to standard output; where nobody reads that any more, the program ends.
    private func print(_ number: Int, _ line: String) {
        do {
            try StandardOutput.writeLine("\(Self.time()) \(number) \(line)")
        } catch {
            exit((error as? ToolError)?.exit.rawValue ?? ToolExit.failure.rawValue)
        }
    }

    /// Says what the proxy does, on standard error.
    func note(_ text: String) { StandardError.write("amqp trace: \(text)") }

    /// The time of day in UTC, to the microsecond.
    private static func time() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let seconds = now.tv_sec % 86_400
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let fraction = String(1_000_000 + now.tv_nsec / 1_000).dropFirst()
        return "\(two(seconds / 3_600)):\(two(seconds / 60 % 60)):\(two(seconds % 60)).\(fraction)"
    }
}

extension FrameCutter {
    /// The lines of the frames that bytes complete.
    fileprivate mutating func lines(of bytes: ArraySlice<UInt8>, _ isFromBroker: Bool, _ payload: Int) -> [String] {
        guard !isBroken else { return [] }
        append(bytes)
        var lines: [String] = []
        while let frame = next() {
            lines.append(String(FrameText.line(frame, isIncoming: isFromBroker, payload: payload).trimmed))
        }
        if isBroken {
            let isTLS = bytes.first == 0x16
            lines.append(
                "\(isFromBroker ? "<-" : "->") "
                    + (isTLS
                        ? "TLS, which cannot be looked into" : "no AMQP frame: nothing more is printed of this side"))
        }
        return lines
    }
}

extension String {
    /// Without spaces at its beginning.
    fileprivate var trimmed: Substring { drop { $0 == " " } }
}
