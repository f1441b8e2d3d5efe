// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

public import Proton
public import Tracing

/// Creates spans for the messages of an `AMQPClient`, with swift-distributed-tracing.
///
/// It propagates their context in the annotations of the messages.
///
///     client.instruments.append(AMQPTracing())
///
/// Spans and attributes are named by the conventions of OpenTelemetry for messaging:
///
/// | span | kind | from, to |
/// | --- | --- | --- |
/// | `send {address}` | producer | A message is handed over; it has its outcome, or will have none. |
/// | `process {address}` | consumer | The body of `AMQPDelivery.process`, or of `AMQPConnection.serve`. |
/// | `request {address}` | client | A request is sent; its response has arrived. |
///
/// A `process` span continues the span of the message's sender. Names and attributes contain the address of the link, which the
/// program chooses, so that there are few of them; they do not contain addresses of nodes that peers create.
///
/// The context is sent in two forms. `traceparent` and `tracestate` are annotations of these names, if the tracer writes the
/// fields of W3C's Trace Context. All fields that the tracer writes are a map in the annotation `x-opt-qpid-tracestate`, which
/// the other bindings of proton use. In received messages the W3C fields have priority.
public struct AMQPTracing: AMQPInstrument {
    /// The annotations that carry the context.
    public struct ContextAnnotations: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int

        /// Creates a set.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// `traceparent` and `tracestate`.
        public static let w3c = ContextAnnotations(rawValue: 1)
        /// `x-opt-qpid-tracestate`, as in proton's Python and C++ bindings.
        public static let qpid = ContextAnnotations(rawValue: 2)
    }

    private let ownTracer: (any Tracer)?
    private let annotations: ContextAnnotations
    private let system: String

    /// Creates an instrument, which can serve several clients.
    /// - Parameters:
    ///   - tracer: the tracer that creates the spans; nil, the default, is the process's tracer at the time of use.
    ///   - annotations: the annotations for the context of sent messages. Default both.
    ///   - system: the attribute `messaging.system`, such as `rabbitmq` or `servicebus`. Default `amqp`.
    public init(
        tracer: (any Tracer)? = nil, annotations: ContextAnnotations = [.w3c, .qpid], system: String = "amqp"
    ) {
        (ownTracer, self.annotations, self.system) = (tracer, annotations, system)
    }

    private var tracer: any Tracer { ownTracer ?? InstrumentationSystem.tracer }

    /// Starts a producer's span, and writes its context into the message.
    public func willSend(_ message: inout Message, by link: AMQPLinkInfo) -> AMQPSendObserver? {
        let tracer = tracer
        let operation = SpanOperation(.send, message, link, system)
        let span = tracer.startSpan(operation.name, ofKind: .producer)
        operation.setAttributes(of: span)
        var fields: [String: String] = [:]
        tracer.inject(span.context, into: &fields, using: FieldInjector())
        message.annotations.setTraceFields(fields, annotations)
        return { result, _ in
            switch result {
            case .success(.accepted): break
            case .success(let outcome), .failure(.refused(let outcome)): span.fail(AMQPSendError.refused(outcome))
            case .failure(let error): span.fail(error)
            }
            span.end()
        }
    }

    /// Runs the body in a consumer's span, which continues the span of the message's sender.
    public func process<Result>(
        _ message: Message, from link: AMQPLinkInfo, _ body: () async throws -> Result
    ) async rethrows -> Result {
        let tracer = tracer
        var context = ServiceContext.current ?? .topLevel
        tracer.extract(message.annotations.traceFields, into: &context, using: FieldExtractor())
        return try await withSpan(SpanOperation(.process, message, link, system), .consumer, context, tracer, body)
    }

    /// Runs the body in a client's span.
    public func request<Response>(
        _ message: Message, to link: AMQPLinkInfo, _ body: () async throws -> Response
    ) async rethrows -> Response {
        let context = ServiceContext.current ?? .topLevel
        return try await withSpan(SpanOperation(.request, message, link, system), .client, context, tracer, body)
    }

    private func withSpan<Result>(
        _ operation: SpanOperation, _ kind: SpanKind, _ context: ServiceContext, _ tracer: any Tracer,
        _ body: () async throws -> Result
    ) async rethrows -> Result {
        let span = tracer.startSpan(operation.name, context: context, ofKind: kind)
        operation.setAttributes(of: span)
        defer { span.end() }
        do {
            return try await ServiceContext.$current.withValue(span.context) { try await body() }
        } catch {
            span.fail(error)
            throw error
        }
    }
}

#endif
