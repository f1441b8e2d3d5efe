// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The examples in the article are ones that are compiled and run.
struct ArticleTests {
    @Test(arguments: ["GreeterTests.swift", "PriceListTests.swift"])
    func theExampleIsAsItIsTested(_ file: String) throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let root = tests.deletingLastPathComponent().deletingLastPathComponent()
        let path = "Sources/ProtonTesting/ProtonTesting.docc/TestingPrograms.md"
        let article = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        let source = try String(contentsOf: tests.appendingPathComponent(file), encoding: .utf8)
        // Without the lines about its licence.
        let example = source[try #require(source.range(of: "\n\n")).upperBound...]
        #expect(article.contains("```swift\n\(example)```\n"), "Copy \(file) into \(path).")
    }
}
