// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Testing

/// The programs that each show one feature: the twins of C++'s examples.
@Suite(.serialized)
struct FeatureTests {
    @Test func messageProperties() async throws {
        try await withPrograms { programs in
            try await expectSuccess(
                try programs.start(.swift, "message_properties"),
                """
                by type: short=123 string=foo symbol=sym
                as Int: short=123
                as Int: string=no integer
                properties[short]=short(123)
                properties[string]=foo
                properties[symbol]=sym
                short=42 string=bar

                """)
        }
    }

    @Test func encodeDecode() async throws {
        try await withPrograms { programs in
            let record = try await programs.start(.swift, "encode_decode").waitForEnd()
            #expect(record.ending == .exited(0) && record.errorText == "")
            for line in [
                "array<long>[long(1), long(2), long(3)], 7 bytes",
                "map{string(z): long(3), string(a): long(4)}, 13 bytes",
                "Order(id: 7, items: [\"tea\", \"bread\"])",
            ] {
                #expect(record.outputText.contains("\(line)\n"))
            }
        }
    }

    @Test func flowControl() async throws {
        try await withPrograms { programs in
            try await expectSuccess(
                try programs.start(.swift, "flow_control", "--quiet"),
                """
                success: Example 1: simple credit
                success: Example 2: drain
                success: Example 3: drain without messages
                success: Example 4: a high and a low mark

                """)
        }
    }

    @Test(arguments: Language.allCases)
    func connectionOptions(_ language: Language) async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(language)
            let record = try await programs.start(.swift, "connection_options", address).waitForEnd()
            #expect(record.ending == .exited(0) && record.errorText == "")
            #expect(record.outputText.hasPrefix("connection events going to ConnectionHandler\nthe peer takes frames"))
        }
    }

    @Test(arguments: Language.allCases)
    func reconnectClientGoesOnWithTheOtherBroker(_ language: Language) async throws {
        try await withPrograms { programs in
            let (first, firstAddress) = try await programs.startBroker(language)
            let (_, secondAddress) = try await programs.startBroker(language)
            let client = try programs.startUnbuffered("reconnect_client", firstAddress, "q", "100000", secondAddress)
            try await client.waitForLines(3)
            first.send(SIGKILL)
            _ = await client.wait(atMost: .seconds(20)) { $0.outputText.contains("connected to \(secondAddress)\n") }
            let lines = client.record.outputText.split(separator: "\n").count
            try await client.waitForLines(lines + 10)
            client.send(SIGTERM)
            let record = try await client.waitForEnd()
            #expect(record.outputText.hasPrefix("connected to \(firstAddress)\n{'sequence': 1}\n"))
            #expect(record.outputText.contains("connected to \(secondAddress)\n"))
            // Nothing is missing, and nothing comes twice.
            let numbers = record.outputText.split(separator: "\n").compactMap { line in
                line.hasPrefix("{'sequence': ") ? Int(line.dropFirst(13).dropLast()) : nil
            }
            #expect(numbers == Array(1...max(1, numbers.count)))
            #expect(record.ending == .exited(0))
        }
    }
}
