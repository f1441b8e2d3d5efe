// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import FoundationEssentials
import Glibc
import Testing

@testable import Proton

/// What `connect.json` may hold, and what is said of a file that is wrong.
struct ConnectFileTests {
    private static func parse(_ text: String) throws -> ConnectFile {
        try ConnectFile(Data(text.utf8), path: "/x/connect.json")
    }

    @Test func theDefaults() throws {
        let file = try Self.parse("{}")
        #expect(file.url == AMQPURL(scheme: .amqps, host: "localhost", port: 5_671))
        let options = file.complete(ConnectionOptions())
        #expect(
            options.usesSASL && options.allowedMechanisms.isEmpty && options.allowsInsecureMechanisms == .onLoopback)
    }

    @Test func everyKeyInBothSpellings() throws {
        for (enabled, mechanisms, port) in [
            ("\"enabled\"", "\"PLAIN EXTERNAL\"", "5671"), ("\"enable\"", "[\"PLAIN\", \"EXTERNAL\"]", "\"amqps\""),
            ("\"enable\"", "[\"PLAIN\", \"EXTERNAL\"]", "\"5671\""),
        ] {
            let file = try Self.parse(
                """
                // where the broker is
                {"scheme": "amqp", "host": "broker /* no comment */", "port": \(port), /* in the clear */
                 "user": "guest", "password": "a//b", "extra": {"deep": [1, null, 2.5]},
                 "sasl": {\(enabled): false, "mechanisms": \(mechanisms), "allow_insecure": false, "other": 1}}
                """)
            #expect(
                file.url
                    == AMQPURL(
                        scheme: .amqp, user: "guest", password: "a//b", host: "broker /* no comment */", port: 5_671))
            let options = file.complete(ConnectionOptions())
            #expect(!options.usesSASL && options.allowsInsecureMechanisms == .never)
            #expect(options.allowedMechanisms == ["PLAIN", "EXTERNAL"])
            #expect(file.unknownKeys == ["sasl.other", "extra"])
        }
    }

    @Test func keysOfTLS() throws {
        let file = try Self.parse(
            #"{"tls": {"ca": "/ca.pem", "cert": "/c.pem", "key": "/k.pem", "verify": false, "other": 1}}"#)
        let tls = TLSClientOptions(
            trust: .system.adding(.file("/ca.pem")), certificate: TLSCertificate(file: "/c.pem", keyFile: "/k.pem"),
            verification: .insecureNoVerification)
        #expect(file.complete(ConnectionOptions()).tls == tls && file.unknownKeys == ["tls.other"])
        #expect(try Self.parse(#"{"tls": {}}"#).complete(ConnectionOptions()).tls == TLSClientOptions())
        let own = TLSClientOptions(serverName: "own")
        #expect(file.complete(ConnectionOptions(tls: own)).tls == own)
    }

    @Test func whatTheProgramSetStays() throws {
        let file = try Self.parse(#"{"sasl": {"mechanisms": "PLAIN", "enabled": true}}"#)
        let options = file.complete(ConnectionOptions(allowedMechanisms: ["ANONYMOUS"], usesSASL: false))
        #expect(options.allowedMechanisms == ["ANONYMOUS"] && !options.usesSASL)
    }

    @Test(arguments: [
        ("", "valid JSON"), ("{\"a\"", "valid JSON"), ("[]", "the file must be an object"),
        (#"{"scheme": "http"}"#, "\"scheme\""), (#"{"scheme": 1}"#, "\"scheme\""), (#"{"host": []}"#, "\"host\""),
        (#"{"port": 0}"#, "\"port\""), (#"{"port": 65536}"#, "\"port\""), (#"{"port": 1.5}"#, "\"port\""),
        (#"{"port": "http"}"#, "\"port\""), (#"{"port": true}"#, "\"port\""), (#"{"user": 7}"#, "\"user\""),
        (#"{"sasl": true}"#, "\"sasl\""), (#"{"sasl": {"enable": "yes"}}"#, "\"sasl.enable\""),
        (#"{"sasl": {"mechanisms": [1]}}"#, "\"sasl.mechanisms\""), (#"{"scheme": "amqp", "tls": {}}"#, "\"tls\""),
        (#"{"password": {"x": 1}}"#, "\"password\""), (#"{"tls": {"key": "k"}}"#, "\"tls.key\""),
        (#"{"tls": {"verify": "yes"}}"#, "\"tls.verify\""), (#"{"tls": {"ca": 1}}"#, "\"tls.ca\""),
    ])
    func whatIsWrongIsNamed(_ text: String, _ named: String) {
        let error = #expect(throws: ProtonError.self) { try Self.parse(text) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("/x/connect.json: ") == true && error?.message.contains(named) == true)
    }

    @Test func theSearchPath() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "connect-file-\(getpid())")
        let config = folder.appending(path: ".config/messaging")
        try FileManager.default.createDirectory(at: config, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        #expect(try ConnectFile.find(named: "/some/file", home: nil) == "/some/file")
        #expect(throws: ProtonError.self) { try ConnectFile.find(named: nil, home: folder.path) }
        let file = config.appending(path: "connect.json")
        try Data(#"{"scheme": "amqp", "port": 7}"#.utf8).write(to: file)
        let found = try ConnectFile.find(named: nil, home: folder.path)
        #expect(found == file.path)
        #expect(try ConnectFile(path: found).url.port == 7)
        let error = #expect(throws: ProtonError.self) { try ConnectFile(path: folder.path + "/none") }
        #expect(error?.message.contains("none: cannot be read") == true)
    }
}
