// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Metrics in the text format of Prometheus, version 0.0.4.
struct PrometheusText {
    /// The media type of the text.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// The kinds of metrics that are used here.
    enum Kind: String {
        case counter, gauge
    }

    /// A value, and what tells it from others of the same metric.
    struct Sample {
        let labels: [(name: String, value: String)]
        let value: String

        init(_ value: some BinaryInteger, labels: [(name: String, value: String)] = []) {
            (self.labels, self.value) = (labels, "\(value)")
        }

        init(_ value: Double, labels: [(name: String, value: String)] = []) {
            self.labels = labels
            self.value = value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
        }
    }

    private(set) var text = ""

    /// Adds a metric with all its samples, which have to stand together; nothing where there are none.
    /// - Parameter help: what it is, in any text.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ samples: [Sample]) {
        guard !samples.isEmpty else { return }
        text += "# HELP \(name) \(PrometheusText.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
        for sample in samples {
            let labels = sample.labels.map { "\($0.name)=\"\(PrometheusText.escaped($0.value, quotes: true))\"" }
            text += name + (labels.isEmpty ? "" : "{\(labels.joined(separator: ","))}") + " \(sample.value)\n"
        }
    }

    /// The same, of a metric with one value.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        add(name, kind, help, [Sample(value)])
    }

    /// A text in which nothing ends its line, or with `quotes` the value of a label.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
