// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// A file of packets in the format of libpcap, which Wireshark, tshark and tcpdump read.
struct PacketCapture: Sendable {
    private let descriptor: Int32
    private let path: String
    /// The first error; nothing is written after it.
    private var failure: ProtonError?

    /// Makes the file, which only its owner may read: it has passwords in it. One that is there already is written anew.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw ProtonError(.invalidArgument, "\(path) cannot be written: \(Self.reason(errno)).")
        }
        // Magic number of microseconds, version 2.4, two zeros, the longest packet, and 101: packets begin with IP's header.
        write(numbers: [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0x4_0000, 101], [])
        if let failure { throw failure }
    }

    /// Writes packets, with the time that it is.
    mutating func write(_ packets: [[UInt8]]) {
        for packet in packets {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            let size = UInt32(packet.count)
            let time = (UInt32(truncatingIfNeeded: now.tv_sec), UInt32(now.tv_nsec / 1_000))
            write(numbers: [time.0, time.1, size, size], packet)
        }
    }

    /// Closes the file.
    /// - Throws: the first error of writing to it.
    mutating func finish() throws {
        if close(descriptor) != 0, failure == nil { failure = error(errno) }
        if let failure { throw failure }
    }

    private mutating func write(numbers: [UInt32], _ bytes: [UInt8]) {
        guard failure == nil else { return }
        // In the machine's order, which the magic number tells.
        var rest = (numbers.withUnsafeBytes { Array($0) } + bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                failure = error(errno)
                return
            }
        }
    }

    private func error(_ code: Int32) -> ProtonError {
        ProtonError(.invalidArgument, "\(path) cannot be written: \(Self.reason(code)).")
    }

    private static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
