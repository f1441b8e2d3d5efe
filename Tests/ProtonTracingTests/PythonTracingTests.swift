// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Tracing

import InMemoryTracing
import Proton
import ProtonTesting
import ProtonTracing
import TestPrograms
import Testing

/// Traces across Debian's Python binding, by what that does itself: `proton.tracing`.
struct PythonTracingTests {
    /// A program that sends and receives a message, with the binding's tracing; the tracer that it uses stands for Jaeger's, which
    /// Debian has not.
    private static let program = """
        import sys, types, contextlib
        class Span:
            def set_tag(self, name, value): pass
            def log_kv(self, values): pass
            def finish(self): pass
        class Tracer:
            def start_span(self, name, tags=None): return Span()
            def inject(self, span, format, headers): headers["traceparent"] = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
            def extract(self, format, headers):
                print(headers["traceparent"], flush=True)
                return headers
            @contextlib.contextmanager
            def start_active_span(self, name, child_of=None, ignore_active_span=False, tags=None): yield Span()
        class Config:
            def __init__(self, **options): pass
            def initialize_tracer(self): pass
        def module(name, **members):
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].__dict__.update(members)
        names = ["SPAN_KIND", "SPAN_KIND_CONSUMER", "SPAN_KIND_PRODUCER", "MESSAGE_BUS_DESTINATION",
                 "PEER_ADDRESS", "PEER_HOSTNAME", "COMPONENT"]
        tags = types.SimpleNamespace(**{name: name for name in names})
        tracer = Tracer()
        module("opentracing", global_tracer=lambda: tracer)
        module("opentracing.ext", tags=tags)
        module("opentracing.propagation", Format=types.SimpleNamespace(TEXT_MAP="text_map"))
        module("jaeger_client", Config=Config)
        import proton._tracing
        # It would wait for Jaeger's tracer.
        proton._tracing._fini_tracer = lambda: None
        import proton.tracing
        from proton import Message
        from proton.handlers import MessagingHandler
        from proton.reactor import Container
        class Program(MessagingHandler):
            def on_start(self, event):
                self.connection = event.container.connect(sys.argv[1], reconnect=False)
                event.container.create_receiver(self.connection, "to-python")
            def on_message(self, event):
                event.container.create_sender(self.connection, "to-swift")
            def on_sendable(self, event):
                event.sender.send(Message(body="from python"))
                event.sender.close()
            def on_settled(self, event):
                self.connection.close()
        Container(Program()).run()
        """

    private static func run(_ address: String) throws -> String {
        try TestProgram(["/usr/bin/python3", "-c", program, address]).readToGoodEnd()
    }

    @Test(.timeLimit(.minutes(1)), arguments: [.qpid, [.w3c, .qpid]] as [AMQPTracing.ContextAnnotations])
    func bothWays(_ annotations: AMQPTracing.ContextAnnotations) async throws {
        let tracer = W3CTracer()
        try await withBroker { broker in
            var client = try AMQPClient(broker.address)
            client.instruments = [AMQPTracing(tracer: tracer, annotations: annotations)]
            try await client.withConnection { connection in
                async let printed = onThread { [address = broker.address] in try Self.run(address) }
                try await connection.send("from swift", to: "to-python")
                let delivery = try #require(try await connection.receiver(from: "to-swift").next())
                await delivery.process {}
                delivery.accept()
                let text = try await printed
                let sent = try #require(tracer.spans.ended("send to-python").first)
                let processed = try #require(tracer.spans.ended("process to-swift").first)
                #expect(text == "00-\(sent.traceID)-\(sent.spanID)-01\n")
                #expect(processed.traceID == String(repeating: "a", count: 32))
                #expect(processed.parentSpanID == String(repeating: "b", count: 16))
            }
        }
    }
}

#endif
