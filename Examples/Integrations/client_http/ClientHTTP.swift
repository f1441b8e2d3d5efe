// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FlyingFox
import FlyingSocks
import Foundation
import Proton

/// A form in the browser: what is entered goes to a server over AMQP, and its response back into the page.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client_http", abstract: "Take requests by HTTP, and have them answered over AMQP.")

    @Argument(help: "where the broker is")
    var server = "localhost:5672"

    @Argument(help: "the queue of requests")
    var address = "examples"

    @Option(name: .shortAndLong, help: "port to take HTTP requests on, of this machine only")
    var port: UInt16 = 8888

    func run() async throws {
        let client = Client(server, address)
        let http = try HTTPServer(address: .inet(ip4: "127.0.0.1", port: port))
        await http.appendRoute("GET /client") { _ in Self.page() }
        await http.appendRoute("POST /client") { request in
            guard let message = Self.field("message", of: try await request.bodyData) else {
                return HTTPResponse(statusCode: .badRequest)
            }
            do {
                return Self.page("Response: \(try await client.request(message))")
            } catch {
                return Self.page("Error: \(error)", .badGateway)
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await http.run() }
            group.addTask { [port] in
                try await http.waitUntilListening()
                print("http://localhost:\(port)/client")
                // The container blocks the thread that it runs on, so it has one of its own.
                try await Self.onThread {
                    try Container().run(threads: 1, handler: client, stoppingOn: .interrupt, .terminate)
                }
            }
            // Whichever ends first, as where the port is taken, ends the other.
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    // MARK: Pages

    private static func page(_ text: String = "", _ status: HTTPStatusCode = .ok) -> HTTPResponse {
        let form = """
            <form action="/client" method="POST">\
            Request: <input type="text" name="message">\
            <input type="submit" value="Submit"></form>
            """
        let body = "<html><body>\(form)\(escaped(text))</body></html>"
        return HTTPResponse(
            statusCode: status, headers: [.contentType: "text/html; charset=utf-8"], body: Data(body.utf8))
    }

    /// A text that means itself in a page.
    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// A field of a form, as a browser sends it.
    private static func field(_ name: String, of body: Data) -> String? {
        for pair in String(decoding: body, as: UTF8.self).split(separator: "&") where pair.hasPrefix("\(name)=") {
            return pair.dropFirst(name.count + 1).replacing("+", with: " ").removingPercentEncoding
        }
        return nil
    }
}
