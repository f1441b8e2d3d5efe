// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonTesting
import Testing

@testable import Proton

/// The example in the article about threads is one that is compiled and run.
@Suite(.timeLimit(.minutes(1)))
struct ThreadsArticleTests {
    @Test func theExampleIsAsItIsTested() throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
        let path = "Sources/Proton/Proton.docc/Threads.md"
        let article = try String(contentsOf: tests.appending(path: "../../\(path)"), encoding: .utf8)
        let source = try String(contentsOf: tests.appending(path: "BackgroundExample.swift"), encoding: .utf8)
        // Without the lines about its licence.
        let example = source[try #require(source.range(of: "\n\n")).upperBound...]
        #expect(article.contains("```swift\n\(example)```\n"), "Copy BackgroundExample.swift into \(path).")
    }

    @Test func theExampleDoesWhatItSays() async throws {
        let taken = Counter()
        try await withBroker { broker in
            let address = broker.address
            try await onThread {
                let connection = try BlockingConnection(address)
                for queue in ["a", "b"] { try connection.createSender(queue).send(Message(body: "x")) }
                try collect(from: address, ["a", "b"]) { _ in
                    taken.increment()
                    return taken.value < 2
                }
                try connection.close()
            }
        }
        #expect(taken.value == 2)
    }
}
