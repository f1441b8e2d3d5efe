// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

import Proton
import Tracing

/// Writes the fields of a context into a dictionary.
struct FieldInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
}

/// Reads the fields of a context from a dictionary.
struct FieldExtractor: Extractor {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
}

extension Annotations {
    /// The annotation of proton's other bindings: a map of all fields that a tracer writes.
    private static let qpidKey: AnnotationKey = "x-opt-qpid-tracestate"
    /// The fields of W3C's Trace Context, which have their own annotations.
    private static let w3cFields = ["traceparent", "tracestate"]
    /// How many fields of a peer's map are read.
    private static let maxFields = 32

    /// Writes a context, and replaces that of a message from which this one was copied.
    mutating func setTraceFields(_ fields: [String: String], _ places: AMQPTracing.ContextAnnotations) {
        guard !fields.isEmpty else { return }
        self[Annotations.qpidKey] = nil
        for name in Annotations.w3cFields {
            self[.symbol(Symbol(name))] = places.contains(.w3c) ? fields[name].map { .string($0) } : nil
        }
        guard places.contains(.qpid) else { return }
        var map = AMQPMap()
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) { map[.string(name)] = .string(value) }
        self[Annotations.qpidKey] = .map(map)
    }

    /// The fields that a sender has written.
    var traceFields: [String: String] {
        var fields: [String: String] = [:]
        if case .map(let map)? = self[Annotations.qpidKey] {
            for (key, value) in map.prefix(Annotations.maxFields) {
                if let key = key.text, let value = value.text { fields[key] = value }
            }
        }
        for name in Annotations.w3cFields {
            if let value = self[.symbol(Symbol(name))]?.text { fields[name] = value }
        }
        return fields
    }
}

extension AMQPValue {
    /// The value as text, in the types that the bindings use.
    fileprivate var text: String? {
        switch self {
        case .string(let text): text
        case .symbol(let symbol): "\(symbol)"
        default: nil
        }
    }
}

#endif
