// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ProtonTesting
import Testing

/// `amqp context`.
@Suite(.serialized)
struct ContextCommandTests {
    @Test("Contexts are added, listed, shown, selected and removed")
    func contexts() throws {
        let tool = try Tool()
        expectDone(try tool.run("context"), "")
        expectDone(try tool.run("context", "add", "b", "--url", "amqps://b.example", "--description", "second"), "")
        expectDone(
            try tool.run(
                "context", "add", "a", "--url", "a.example", "--user", "me", "--password-file", "secret", "--prefix",
                "/queues/",
                "--select"), "", errors: "")
        expectDone(
            try tool.run("context", "list"),
            "* a\tamqp://a.example:5672\n  b\tamqps://b.example:5671\tsecond\n")
        expectDone(
            try tool.run("context", "show", "a"),
            "url: amqp://a.example:5672\nuser: me\npassword file: \(realPath(tool.folder))/secret\nprefix: /queues/\n")
        expectFailure(try tool.run("context", "add", "a", "--url", "x"), 1, "--force replaces it")
        expectDone(try tool.run("context", "add", "a", "--url", "x", "--force"), "")
        expectDone(try tool.run("context", "select", "b"), "")
        expectDone(try tool.run("context", "ls"), "  a\tamqp://x:5672\n* b\tamqps://b.example:5671\tsecond\n")
        expectDone(try tool.run("context", "remove", "b"), "")
        expectDone(try tool.run("context", "rm", "a"), "")
        expectDone(try tool.run("context"), "")
        for arguments in [["show", "a"], ["select", "a"], ["remove", "a"]] {
            expectFailure(try tool.run(["context"] + arguments), 1, "There is no context 'a'")
        }
    }

    private func realPath(_ path: String) -> String {
        guard let real = realpath(path, nil) else { return path }
        defer { free(real) }
        return String(cString: real)
    }

    @Test("A password in a URL is warned of, kept for its owner only, and not shown")
    func password() throws {
        let tool = try Tool()
        let run = try tool.run("context", "add", "a", "--url", "amqp://me:secret@a.example")
        expectDone(run, "")
        #expect(run.errors.hasPrefix("warning: all users of this machine can read"))
        for arguments in [["list"], ["show", "a"]] {
            let run = try tool.run(["context"] + arguments)
            #expect(run.output.contains("me:***@"))
            #expect(!run.output.contains("secret"))
        }
        var status = stat()
        #expect(stat("\(tool.folder)/.config/amqp/contexts", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test("Commands use the context that is named, or selected")
    func use() throws {
        try withBroker { first in
            try withBroker { second in
                let tool = try Tool()
                expectDone(try tool.run("context", "add", "first", "--url", first.address, "--select"), "")
                expectDone(try tool.run("context", "add", "second", "--url", second.address), "")
                expectDone(try tool.run("send", "q", "to first"), "")
                expectDone(try tool.run("send", "q", "to second", "--context", "second"), "")
                expectDone(try tool.run("send", "q", "to second too", variables: ["AMQP_CONTEXT=second"]), "")
                expectDone(try tool.run("receive", "q", "--drain"), "to first\n")
                expectDone(
                    try tool.run("receive", "q", "--drain", variables: ["AMQP_URL=\(second.address)"]),
                    "to second\nto second too\n")
                expectFailure(try tool.run("send", "q", "x", "-c", "third"), 1, "There is no context 'third'")
            }
        }
    }
}
