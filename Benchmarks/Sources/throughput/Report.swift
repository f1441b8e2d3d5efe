// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Proton

/// What was measured, as the line of JSON that all peers print.
///
/// `@unchecked Sendable`: one thread or task at a time uses it, the main one when that is done.
final class Report: @unchecked Sendable {
    private let role: String
    private var started: UInt64 = 0
    private var ended: UInt64 = 0
    private var latencies: [Double] = []
    /// How many messages, or round trips, were done.
    var count = 0
    /// How many messages had another outcome than accepted.
    var others = 0
    /// Keeps what was read of messages in use.
    var checksum: UInt64 = 0

    init(role: String) {
        self.role = role
    }

    func start() {
        if started == 0 { started = nanoseconds() }
    }

    func end() {
        ended = nanoseconds()
    }

    func note(latency since: UInt64) {
        latencies.append(Double(nanoseconds() - since) / 1e3)
    }

    func print(encodedSize: Int) {
        let seconds = Double(max(started, ended) - started) / 1e9
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        var fields = [
            "\"role\":\"swift-\(role)\"", "\"n\":\(count)", "\"other\":\(others)", "\"sec\":\(rounded(seconds, 4))",
            "\"rate\":\(Int(Double(count) / max(seconds, 1e-9)))", "\"user\":\(rounded(usage.ru_utime.seconds, 3))",
            "\"sys\":\(rounded(usage.ru_stime.seconds, 3))", "\"maxrss_kb\":\(usage.ru_maxrss)",
            "\"nvcsw\":\(usage.ru_nvcsw)",
        ]
        latencies.sort()
        if latencies.count > 1 {
            for (name, share) in [("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)] {
                let latency = latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))]
                fields.append("\"\(name)\":\(rounded(latency, 1))")
            }
        }
        fields.append("\"enc_bytes\":\(encodedSize)")
        Swift.print("{\(fields.joined(separator: ","))}")
    }

    private func rounded(_ value: Double, _ digits: Int) -> Double {
        let scale = pow(10, Double(digits))
        return (value * scale).rounded() / scale
    }
}

/// The time of the monotonic clock; `ContinuousClock` costs more than some of what is measured.
func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension timeval {
    fileprivate var seconds: Double { Double(tv_sec) + Double(tv_usec) * 1e-6 }
}

/// How much memory the process has in use, in kB, as Linux tells it.
func residentKilobytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        .split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * (Int(getpagesize()) / 1_024) : 0
}
