// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Proton
import Testing

@testable import AMQPTool

/// Which of the sources of a broker counts.
struct BrokerSettingsTests {
    private func settings(_ arguments: [String] = [], _ environment: ToolEnvironment) throws -> BrokerSettings {
        try ConnectionArguments.parse(arguments).resolve(environment)
    }

    /// An environment with contexts `a` and `b`, of which `b` is selected.
    private func withContexts(_ body: (ToolEnvironment) throws -> Void) throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let store = ContextStore(path: "\(folder)/contexts")
        try store.change { contexts in
            contexts.contexts["a"] = ToolContext(url: "amqps://a")
            contexts.contexts["a"]?.user = "anna"
            contexts.contexts["a"]?.passwordCommand = "echo secret"
            contexts.contexts["a"]?.ca = "/ca.pem"
            contexts.contexts["a"]?.prefix = "/queues/"
            contexts.contexts["b"] = ToolContext(url: "b")
            contexts.selected = "b"
        }
        try body(ToolEnvironment(contextFile: store.path))
    }

    @Test("The first of the sources counts")
    func order() throws {
        try withContexts { environment throws in
            var environment = environment
            #expect(try settings(environment).url.host == "b")
            environment.context = "a"
            #expect(try settings(environment).url.host == "a")
            environment.url = "amqp://u"
            #expect(try settings(environment).url.host == "u")
            #expect(try settings(["--context", "a"], environment).url.host == "a")
            #expect(try settings(["--url", "c:1"], environment).url.hostAndPort == "c:1")
        }
        #expect(try settings(ToolEnvironment()).url == AMQPURL())
    }

    private func settings(_ environment: ToolEnvironment) throws -> BrokerSettings { try settings([], environment) }

    @Test("Options count before the context's")
    func options() throws {
        try withContexts { environment throws in
            let own = try settings(["--context", "a"], environment)
            #expect(own.url.user == "anna")
            #expect(own.password == .command("echo secret"))
            #expect(own.address("q") == "/queues/q")
            let other = try settings(
                ["--context", "a", "--user", "bob", "--password-file", "/p", "--ca", "/other.pem", "--prefix", ""],
                environment)
            #expect(other.url.user == "bob")
            #expect(other.password == .file("/p"))
            #expect(other.ca == "/other.pem")
            #expect(other.address("q") == "q")
        }
    }

    @Test("The variable's password is that of a broker that has no other source")
    func password() throws {
        try withContexts { environment throws in
            var environment = environment
            environment.password = "variable"
            #expect(try settings(["--context", "a"], environment).password == .command("echo secret"))
            #expect(try settings(["--context", "b"], environment).password == .value("variable"))
        }
    }

    @Test("The file connect.json counts last")
    func connectFile() throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/connect.json"
        try Data(#"{"scheme": "amqp", "host": "file", "user": "me", "password": "x"}"#.utf8)
            .write(to: URL(fileURLWithPath: path))
        let environment = ToolEnvironment(connectFile: { path })
        #expect(try settings(environment).url.host == "file")
        #expect(try settings(environment).url.password == "x")
        #expect(try settings(["--url", "other"], environment).url.host == "other")
    }

    @Test(
        "What is wrong is told",
        arguments: [
            (["--url", "amqp://host/vhost"], "--virtual-host"), (["--url", "http://host"], "--url"),
            (["--context", "none"], "no context 'none'"),
        ])
    func wrong(arguments: [String], message: String) {
        let error = #expect(throws: (any Error).self) { try settings(arguments, ToolEnvironment()) }
        #expect(error.map { "\($0)" }?.contains(message) == true, "\(String(describing: error))")
    }

    @Test("Options of TLS with a URL in the clear are refused")
    func clear() throws {
        let settings = try settings(["--url", "amqp://host", "--insecure"], ToolEnvironment())
        #expect(throws: ValidationError.self) { try settings.options(ToolEnvironment()) }
    }

    @Test(
        "Where the file of contexts is",
        arguments: [
            ("/x", "/home/me", "/x/amqp/contexts"), ("relative", "/home/me", "/home/me/.config/amqp/contexts"),
            (nil, "/home/me", "/home/me/.config/amqp/contexts"), (nil, nil, nil), (nil, "", nil),
        ] as [(String?, String?, String?)])
    func place(configuration: String?, home: String?, path: String?) {
        #expect(ToolEnvironment.contextFile(configuration: configuration, home: home) == path)
    }

    @Test("A password is a first line", arguments: [("a\nb", "a"), ("a\r\n", "a"), ("a", "a"), ("\n", nil), ("", nil)])
    func firstLine(text: String, line: String?) {
        #expect((try? Password.firstLine(Array(text.utf8), of: "file")) == line)
    }
}
