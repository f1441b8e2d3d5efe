// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

public import Proton
public import Tracing

/// Makes spans of what the connections of an `AMQPClient` send and handle, for swift-distributed-tracing, and carries their
/// context in the messages' annotations.
///
///     client.instruments.append(AMQPTracing())
///
/// Spans and attributes are named by the conventions of OpenTelemetry for messaging:
///
/// | span | kind | from, to |
/// | --- | --- | --- |
/// | `send {address}` | producer | A message is handed over; it has its outcome, or will have none. |
/// | `process {address}` | consumer | The body of `AMQPDelivery.process`, or of `AMQPConnection.serve`. |
/// | `request {address}` | client | A request is made; its response is there. |
///
/// A `process` span continues that of the message's sender. Names and attributes have the address of the link, which is the
/// program's choice, so that they are few; not that of nodes that peers make.
///
/// The context travels twice: `traceparent` and `tracestate` are annotations of these names, where the tracer writes the fields of
/// W3C's Trace Context; and all that the tracer writes is a map in the annotation `x-opt-qpid-tracestate`, which the other
/// bindings of proton use. Of what comes the W3C fields count first.
public struct AMQPTracing: AMQPInstrument {
    /// In which annotations the context travels.
    public struct ContextAnnotations: OptionSet, Sendable {
        /// The bits.
        public let rawValue: Int

        /// Creates a set.
        public init(rawValue: Int) { self.rawValue = rawValue }

        /// `traceparent` and `tracestate`.
        public static let w3c = ContextAnnotations(rawValue: 1)
        /// `x-opt-qpid-tracestate`, as of proton's Python and C++ bindings.
        public static let qpid = ContextAnnotations(rawValue: 2)
    }

    private let ownTracer: (any Tracer)?
    private let annotations: ContextAnnotations
    private let system: String

    /// Creates an instrument; one may serve several clients.
    /// - Parameters:
    ///   - tracer: what makes the spans; nil, the default, is the process's when it is needed.
    ///   - annotations: where the context of messages that are sent goes. Default both.
    ///   - system: the attribute `messaging.system`, such as `rabbitmq` or `servicebus`. Default `amqp`.
    public init(
        tracer: (any Tracer)? = nil, annotations: ContextAnnotations = [.w3c, .qpid], system: String = "amqp"
    ) {
        (ownTracer, self.annotations, self.system) = (tracer, annotations, system)
    }

    private var tracer: any Tracer { ownTracer ?? InstrumentationSystem.tracer }

    /// Begins a producer's span, and puts its context into the message.
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

    /// Runs the body in a consumer's span, which continues that of the message's sender.
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
