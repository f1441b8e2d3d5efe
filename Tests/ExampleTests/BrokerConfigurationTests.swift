// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The configuration file of the program `broker`.
@Suite(.serialized)
struct BrokerConfigurationTests {
    @Test("A file of options")
    func file() async throws {
        let text = """
            {
                // Comments are allowed, and commas at ends.
                "address": ["127.0.0.1:0", "127.0.0.1:0"],
                "threads": 2,
                "container-id": "from a file",
                "max-connections": 100,
                "heartbeat": 30.5,
                "max-message-size": "1MiB",
                "queue": ["orders", "plain,messages=10", {"address": "a,b", "exclusive": true, "messages": 1,
                    "bytes": "64KiB", "when-full": "reject", "max-deliveries": 3, "dead-letter": "dead/*"}],
                "on-demand-queues": false,
                "topic": ["news/#", "weather/*"],
                "max-deliveries": 5,
                "redelivery-delay": 20.5,
                "dead-letter": "dead/*",
                "dead-letter-expired": true,
                "subscription-policy": "reject",
                "queue-messages": 1000,
                "queue-bytes": 1000000,
                "when-full": "drop-oldest",
                "max-queues": 10,
                "max-bytes": "1GiB",
                "max-unsettled": 100,
                "credit": 10,
                "store": null,
                "log-level": "debug",
                "stop-grace": 1,
            }
            """
        try await withFile(text) { path in
            try await withPrograms { programs in
                let broker = try programs.start(.swift, "broker", "--config", path)
                try await broker.waitForLines(2)
                let address = String(broker.record.outputText.split(whereSeparator: \.isWhitespace).last ?? "")
                let script = """
                    import sys
                    from proton import Message
                    from proton.utils import BlockingConnection
                    connection = BlockingConnection(sys.argv[1])
                    print(connection.conn.remote_container)
                    sender = connection.create_sender("a,b")
                    for name in ("news/today", "other"):
                        try: print(connection.create_sender(name).link.remote_target.address)
                        except Exception as error: print(type(error).__name__)
                    sender.send(Message(body=1))
                    try: sender.send(Message(body=2))
                    except Exception as error: print(type(error).__name__)
                    """
                #expect(
                    try await programs.runPython(script, address)
                        == "from a file\nnews/today\nLinkDetached\nSendException\n")
                broker.send(SIGTERM)
                let record = try await broker.waitForEnd()
                #expect(record.ending == .exited(0) && record.errorText.contains("Z debug   opened a connection"))
            }
        }
    }

    @Test("The command line wins")
    func commandLineWins() async throws {
        let text = """
            {"address": "192.0.2.1:5672", "queue": ["there"], "log-level": "debug", "on-demand-queues": false,
             "container-id": "from a file"}
            """
        try await withFile(text) { path in
            try await withPrograms { programs in
                let (broker, address) = try await programs.startBroker(
                    "--config", path, "--on-demand-queues", "--log-level", "error")
                try await expectSuccess(
                    try programs.start(.swift, "simple_send", "-a", "\(address)/other", "-m", "1"), confirmed)
                let script = """
                    import sys
                    from proton.utils import BlockingConnection
                    print(BlockingConnection(sys.argv[1]).conn.remote_container)
                    """
                #expect(try await programs.runPython(script, address) == "from a file\n")
                broker.send(SIGTERM)
                let record = try await broker.waitForEnd()
                #expect(record.ending == .exited(0) && record.errorText == "")
            }
        }
    }

    @Test(
        "What is wrong in a file is named",
        arguments: [
            ("{", "is not valid JSON: "),
            ("", "is not valid JSON: "),
            ("{} more", "is not valid JSON: "),
            (String(repeating: "[", count: 100_000), "is not valid JSON: "),
            ("{//" + String(repeating: "x", count: 2_000_000), "is longer than 1 MiB"),
            ("[]", "the file must hold an object, in braces."),
            (
                #"{"thread": 1}"#,
                #""thread" is no key here: those are address, anonymous, clear-passwords, container-id, credit, "#
            ),
            (#"{"config": "x"}"#, #""config" is no key here: "#),
            (#"{"threads": "2"}"#, #""threads" must be a whole number from 1 to 1024, without quotes."#),
            (#"{"threads": 0}"#, #""threads" must be a whole number from 1 to 1024."#),
            (#"{"threads": 1.5}"#, #""threads" must be a whole number from 1 to 1024."#),
            (#"{"credit": 1e300}"#, #""credit" must be a whole number, at least 1."#),
            (#"{"credit": [1]}"#, #""credit" must be a whole number, at least 1."#),
            (#"{"max-bytes": "5x"}"#, #""max-bytes" must be a number of bytes, at least 1, as in 65536, 64KiB"#),
            (#"{"max-bytes": true}"#, #""max-bytes" must be a number of bytes, at least 1, as in 65536, 64KiB"#),
            (#"{"heartbeat": -1}"#, #""heartbeat" must be a number of seconds, from 0 to 86400."#),
            (#"{"on-demand-queues": 1}"#, #""on-demand-queues" must be true or false."#),
            (#"{"when-full": "x"}"#, #""when-full" must be one of withhold-credit, reject, drop-oldest."#),
            (#"{"when-full": 1}"#, #""when-full" must be a text."#),
            (
                #"{"subscription-policy": "withhold-credit"}"#,
                #""subscription-policy" must be one of drop-oldest, reject."#
            ),
            (#"{"max-deliveries": 0}"#, #""max-deliveries" must be a whole number, at least 1."#),
            (#"{"redelivery-delay": "1"}"#, #""redelivery-delay" must be a number of seconds, from 0 to 86400, wi"#),
            (#"{"dead-letter-expired": "true"}"#, #""dead-letter-expired" must be true or false."#),
            (#"{"address": [5]}"#, #""address[0]" must be a text."#),
            (#"{"address": ["a:1", "b:x"]}"#, #""address[1]" is no address to listen on: invalid AMQP URL: "#),
            (#"{"address": "b:x"}"#, #""address" is no address to listen on: invalid AMQP URL: "#),
            (#"{"dead-letter": ""}"#, #""dead-letter" must be an address of 1 to 1024 bytes."#),
            (#"{"queue": [1]}"#, #""queue[0]" must be a text, or an object with an "address"."#),
            (#"{"queue": ["a", "a"]}"#, #""queue[1]" declares the queue 'a', which is there already."#),
            (#"{"queue": ["a", {"address": "b", "x": 1}]}"#, #""queue[1].x" is no key here: those are address, "#),
            (#"{"queue": [{"adress": "a"}]}"#, #""queue[0].adress" is no key here: those are address, "#),
            (#"{"queue": [{"messages": 1}]}"#, #""queue[0].address" is missing."#),
            (#"{"queue": [{"address": "a", "bytes": 0}]}"#, #""queue[0].bytes" must be a number of bytes"#),
            (#"{"queue": [{"address": "a", "exclusive": 1}]}"#, #""queue[0].exclusive" must be true or false."#),
            (#"{"queue": {"address": "a", "dead-letter": ""}}"#, #""queue.dead-letter" must be an address of 1 to"#),
            (#"{"queue": "a,messages=0"}"#, #""queue" has 'messages=0', whose value must be a whole number"#),
            (#"{"store": 1}"#, #""store" must be a text."#),
        ])
    func wrongFile(text: String, message: String) async throws {
        try await withFile(text) { path in
            try await withPrograms { programs in
                let record = try await programs.start(.swift, "broker", "127.0.0.1:0", "--config", path).waitForEnd()
                #expect(record.errorText.hasPrefix("Error: \(path): \(message)"), "\(record.errorText)")
                #expect(record.errorText.count { $0 == "\n" } == 1)
                #expect(record.output == [] && record.ending == .exited(1))
            }
        }
    }

    @Test("A file that cannot be read")
    func noFile() async throws {
        try await withPrograms { programs in
            let path = temporaryPath()
            let broker = try programs.start(.swift, "broker", "--config", path)
            try await expectFailure(broker, "\(path): cannot be read: No such file or directory.")
            let folder = FileManager.default.temporaryDirectory.path
            let other = try programs.start(.swift, "broker", "--config", folder)
            try await expectFailure(other, "\(folder): cannot be read: Is a directory.")
        }
    }

    @Test("A file of another encoding")
    func encoding() async throws {
        let path = temporaryPath()
        try Data([0x7b, 0xff, 0xfe, 0x7d]).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        try await withPrograms { programs in
            let broker = try programs.start(.swift, "broker", "--config", path)
            try await expectFailure(
                broker,
                "\(path): is not text in UTF-8, as JSON has to be: save it as UTF-8.")
        }
    }
}

/// A path that nobody has.
func temporaryPath() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("broker-\(UUID())").path
}

/// Has a file with a text for as long as `body` takes.
func withFile(_ text: String, _ body: (_ path: String) async throws -> Void) async throws {
    let path = temporaryPath()
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    defer { unlink(path) }
    try await body(path)
}
