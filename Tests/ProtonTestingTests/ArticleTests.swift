import Foundation
import Testing

/// The example in the article is one that is compiled and run.
struct ArticleTests {
    @Test func theExampleIsAsItIsTested() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        let root = tests.deletingLastPathComponent().deletingLastPathComponent()
        let path = "Sources/ProtonTesting/ProtonTesting.docc/TestingPrograms.md"
        let article = try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        let example = try String(contentsOf: tests.appendingPathComponent("GreeterTests.swift"), encoding: .utf8)
        #expect(article.contains("```swift\n\(example)```\n"), "Copy GreeterTests.swift into \(path).")
    }
}
