// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What a measurement does.
struct BenchPlan: Sendable {
    /// When a measurement ends.
    enum Extent: Sendable {
        /// When so many messages have been sent, and received.
        case messages(Int)
        case time(Duration)
    }

    var address: String
    var extent: Extent
    /// Bytes of a message's body, ``BenchStamp/size`` or more.
    var size: Int
    var connections: Int
    var senders: Int
    var receivers: Int
    /// Messages a second, of all senders together; nil as fast as they can.
    var rate: Double?
    /// How many messages a sender has without an outcome at most.
    var unsettled: Int
    var isDurable: Bool
}

/// What a message of a measurement begins with: when it was to be sent.
enum BenchStamp {
    static let size = 16
    /// What tells such messages from others that wait in the queue.
    private static let mark: UInt64 = 0x6265_6e63_685f_3031

    /// The time since the process began to measure, in nanoseconds.
    static func now() -> UInt64 { nanoseconds(start.duration(to: .now)) }

    /// A time in whole nanoseconds; zero for one that is negative.
    static func nanoseconds(_ time: Duration) -> UInt64 {
        let (seconds, attoseconds) = time.components
        return UInt64(clamping: seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    private static let start = ContinuousClock.now

    static func body(_ time: UInt64, size: Int) -> [UInt8] {
        var body = [UInt8](repeating: 0x2e, count: size)
        body.withUnsafeMutableBytes { bytes in
            bytes.storeBytes(of: mark ^ run, as: UInt64.self)
            bytes.storeBytes(of: time, toByteOffset: 8, as: UInt64.self)
        }
        return body
    }

    /// When a message was to be sent; nil where it is of no measurement of this process.
    static func time(of message: Message) -> UInt64? {
        guard case .data(let bytes) = message.body, bytes.count >= size else { return nil }
        return bytes.withUnsafeBytes { bytes in
            guard bytes.loadUnaligned(as: UInt64.self) == mark ^ run else { return nil }
            return bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        }
    }

    /// A number of this process.
    private static let run = UInt64.random(in: 0...UInt64.max)
}
