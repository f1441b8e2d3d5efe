// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import CoreMetrics
import Synchronization

/// What programs tell swift-metrics, for Prometheus to scrape.
///
/// It keeps counters, gauges and sums: a timer is a summary without quantiles, in seconds.
public final class PrometheusRegistry: MetricsFactory {
    /// The media type of the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// What tells a series from the others of its metric.
    private struct Key: Hashable {
        let name: String
        let labels: String
    }

    private let series = Mutex<[Key: Series]>([:])

    public init() {}

    /// All series, in the text format of Prometheus, version 0.0.4.
    public var text: String {
        let all = series.withLock { Array($0) }
        let metrics = Dictionary(grouping: all) { $0.key.name }.sorted { $0.key < $1.key }
        return metrics.map { name, series in
            let kind = series[0].value.kind
            let lines = series.sorted { $0.key.labels < $1.key.labels }.flatMap { $0.value.lines(name, $0.key.labels) }
            return "# TYPE \(name) \(kind.rawValue)\n" + lines.joined()
        }.joined()
    }

    // MARK: MetricsFactory

    public func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(.counter, label, dimensions)
    }

    /// - Parameter aggregate: false for a gauge.
    public func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        series(aggregate ? .summary : .gauge, label, dimensions)
    }

    public func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(.summary, label + "_seconds", dimensions)
    }

    // A series stays once it is there: Prometheus takes one that ends for one that is lost.
    public func destroyCounter(_ handler: any CounterHandler) {}
    public func destroyRecorder(_ handler: any RecorderHandler) {}
    public func destroyTimer(_ handler: any TimerHandler) {}

    private func series(_ kind: Series.Kind, _ label: String, _ dimensions: [(String, String)]) -> Series {
        let labels = dimensions.map { "\($0.0)=\"\(PrometheusRegistry.escaped($0.1))\"" }.joined(separator: ",")
        let key = Key(name: label, labels: labels)
        return series.withLock { series in
            if let old = series[key] { return old }
            let new = Series(kind)
            series[key] = new
            return new
        }
    }

    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"": result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// The values of a metric with the same labels.
private final class Series: CounterHandler, RecorderHandler, TimerHandler {
    enum Kind: String {
        case counter, gauge, summary
    }

    private struct Values {
        var value = 0.0
        /// How many values a summary is of.
        var count: UInt64 = 0
    }

    let kind: Kind
    private let values = Mutex(Values())

    init(_ kind: Kind) { self.kind = kind }

    func lines(_ name: String, _ labels: String) -> [String] {
        let labels = labels.isEmpty ? "" : "{\(labels)}"
        let values = values.withLock(\.self)
        return switch kind {
        case .counter, .gauge: ["\(name)\(labels) \(values.value)\n"]
        case .summary: ["\(name)_sum\(labels) \(values.value)\n", "\(name)_count\(labels) \(values.count)\n"]
        }
    }

    func increment(by amount: Int64) { values.withLock { $0.value += Double(amount) } }
    func reset() { values.withLock { $0 = Values() } }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        values.withLock { values in
            values.value = kind == .gauge ? value : values.value + value
            values.count += 1
        }
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
}
