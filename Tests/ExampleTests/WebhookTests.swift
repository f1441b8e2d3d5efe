// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The program `webhook_sender`: messages of a queue become HTTP requests.
@Suite(.serialized)
struct WebhookTests {
    /// An HTTP server that refuses what says gone, and everything else twice.
    private static let server = """
        import collections, http.server, sys
        counts = collections.Counter()
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                counts[body] += 1
                status = 410 if body == "gone" else 503 if counts[body] < 3 else 204
                print(body, self.headers["Idempotency-Key"], self.headers["Content-Type"], status, flush=True)
                self.send_response(status)
                self.end_headers()
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        print(server.server_port, flush=True)
        server.serve_forever()
        """

    @Test("What is not taken comes again, and what is refused is a dead letter")
    func retries() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker("--dead-letter", "dead", "--redelivery-delay", "0.1")
            let server = try programs.startPythonLines(Self.server)
            try await server.waitForLines(1)
            let url = "http://127.0.0.1:\(server.record.outputText.split(separator: "\n")[0])/hook"
            let script = """
                import sys
                from proton import Message
                from proton.utils import BlockingConnection
                sender = BlockingConnection(sys.argv[1], timeout=30).create_sender("hooks")
                for body in "news", "gone": sender.send(Message(body=body, id="id-" + body, durable=True))
                """
            #expect(try await programs.runPython(script, address) == "")
            let hook = try programs.startIntegration("webhook_sender", url, "-a", "\(address)/hooks", "--jobs", "1")
            try await hook.waitForLines(4)
            hook.send(SIGTERM)
            let record = try await hook.waitForEnd()
            #expect(record.ending == .exited(0))
            let lines = record.outputText.split(separator: "\n").map(String.init)
            #expect(
                lines.filter { $0.contains("news") }
                    == ["failed: news: status 503", "failed: news: status 503", "taken: news"])
            #expect(lines.filter { $0.contains("gone") } == ["refused: gone: status 410"])
            let type = "text/plain; charset=utf-8"
            let requests = server.record.outputText.split(separator: "\n").dropFirst().map(String.init)
            #expect(
                requests.sorted() == [
                    "gone id-gone \(type) 410", "news id-news \(type) 204", "news id-news \(type) 503",
                    "news id-news \(type) 503",
                ])
            let dead = try await programs.start(.swift, "async_recv", "-a", "\(address)/dead", "-m", "1").waitForEnd()
            #expect(dead.outputText.contains("gone"))
        }
    }

    @Test("A server that is not there is no reason to lose a message")
    func noServer() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker("--max-deliveries", "2", "--dead-letter", "dead")
            try await expectSuccess(
                try programs.start(.swift, "async_send", "-a", "\(address)/hooks", "-m", "1"), confirmed)
            let hook = try programs.startIntegration(
                "webhook_sender", "http://\(try freeAddress())/", "-a", "\(address)/hooks")
            try await hook.waitForLines(2)
            hook.send(SIGINT)
            #expect(try await hook.waitForEnd().ending == .exited(0))
            let dead = try await programs.start(.swift, "async_recv", "-a", "\(address)/dead", "-m", "1").waitForEnd()
            #expect(dead.ending == .exited(0) && dead.outputText != "")
        }
    }

    @Test("What is no URL is said")
    func noURL() async throws {
        try await withPrograms { programs in
            let record = try await programs.startIntegration("webhook_sender", "ftp://localhost/").waitForEnd()
            #expect(record.errorText.hasPrefix("Error: 'ftp://localhost/' is no URL to post to: "))
            #expect(record.ending == .exited(EX_USAGE))
        }
    }
}
