// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What a measurement came to.
struct BenchReport: Encodable, Sendable {
    /// Times from when a message was to be sent until it came, in milliseconds.
    struct Latency: Encodable, Sendable {
        let p50: Double
        let p90: Double
        let p99: Double
        let p999: Double
        let max: Double

        init?(_ histogram: LatencyHistogram) {
            func time(_ part: Double) -> Double? { histogram.percentile(part).map { Double($0) / 1_000_000 } }
            guard let p50 = time(0.5), let p90 = time(0.9), let p99 = time(0.99), let p999 = time(0.999) else {
                return nil
            }
            (self.p50, self.p90, self.p99, self.p999) = (p50, p90, p99, p999)
            max = Double(histogram.maximum) / 1_000_000
        }
    }

    let address: String
    let bodyBytes: Int
    let connections: Int
    let senders: Int
    let receivers: Int
    let seconds: Double
    let accepted: Int
    let acceptedPerSecond: Double
    let refused: Int
    let refusedReason: String?
    let received: Int
    let receivedPerSecond: Double
    let latencyMilliseconds: Latency?

    init(_ plan: BenchPlan, _ counts: BenchRun.Counts, sending: Double, seconds: Double) {
        (address, bodyBytes, connections) = (plan.address, plan.size, plan.connections)
        (senders, receivers) = (plan.senders, plan.receivers)
        (accepted, refused, refusedReason, received) = (counts.accepted, counts.refused, counts.reason, counts.received)
        self.seconds = Self.rounded(seconds, 1_000)
        acceptedPerSecond = Self.rounded(sending > 0 ? Double(counts.accepted) / sending : 0, 10)
        receivedPerSecond = Self.rounded(seconds > 0 ? Double(counts.received) / seconds : 0, 10)
        latencyMilliseconds = Latency(counts.latency)
    }

    private static func rounded(_ number: Double, _ parts: Double) -> Double { (number * parts).rounded() / parts }

    /// One line of JSON.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }

    /// Lines for people.
    var text: String {
        var lines = [
            "\(address): body \(bodyBytes) bytes, senders \(senders), receivers \(receivers), connections \(connections)"
        ]
        if senders > 0 {
            lines.append("sent      \(Self.grouped(accepted)) accepted, \(Self.grouped(Int(acceptedPerSecond)))/s")
        }
        if refused > 0 { lines.append("refused   \(Self.grouped(refused)): \(refusedReason ?? "")") }
        if receivers > 0 {
            lines.append("received  \(Self.grouped(received)), \(Self.grouped(Int(receivedPerSecond)))/s")
        }
        if let latency = latencyMilliseconds {
            let times = [
                ("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("p99.9", latency.p999),
                ("max", latency.max),
            ]
            lines.append("latency   " + times.map { "\($0.0) \(Self.milliseconds($0.1))" }.joined(separator: "  "))
        }
        return lines.joined(separator: "\n")
    }

    static func milliseconds(_ time: Double) -> String { String(format: time < 10 ? "%.3f ms" : "%.1f ms", time) }

    /// A number with commas between its thousands.
    static func grouped(_ number: Int) -> String {
        var (digits, text) = (Array(String(number).reversed()), "")
        while digits.count > 3 {
            text = "," + String(digits[..<3].reversed()) + text
            digits.removeFirst(3)
        }
        return String(digits.reversed()) + text
    }
}
