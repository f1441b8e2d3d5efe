// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

import InMemoryTracing
import Synchronization
import Tracing

/// A tracer whose context travels as W3C's Trace Context, and that keeps its spans.
struct W3CTracer: Tracer {
    let spans: InMemoryTracer

    init() {
        let last = Counter()
        spans = InMemoryTracer(
            idGenerator: InMemoryTracer.IDGenerator(
                nextTraceID: { String(format: 32, last.next()) }, nextSpanID: { String(format: 16, last.next()) }))
    }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        spans.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID, line: line
        )
    }

    func forceFlush() {}

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let span = context.inMemorySpanContext else { return }
        injector.inject("00-\(span.traceID)-\(span.spanID)-01", forKey: "traceparent", into: &carrier)
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        let parts = extractor.extract(key: "traceparent", from: carrier)?.split(separator: "-").map(String.init) ?? []
        guard parts.count == 4 else { return }
        let fields = [InMemoryTracer.traceIDKey: parts[1], InMemoryTracer.spanIDKey: parts[2]]
        spans.extract(fields, into: &context, using: Fields())
    }

    private struct Fields: Extractor {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    }

    private final class Counter: Sendable {
        private let last = Atomic(0)
        func next() -> Int { last.add(1, ordering: .relaxed).newValue }
    }
}

extension String {
    /// A number as so many hexadecimal digits.
    fileprivate init(format count: Int, _ number: Int) {
        let digits = String(number, radix: 16)
        self = String(repeating: "0", count: count - digits.count) + digits
    }
}

extension InMemoryTracer {
    /// The spans that have ended, by their names.
    func ended(_ name: String) -> [FinishedInMemorySpan] { finishedSpans.filter { $0.operationName == name } }
}

#endif
