import Foundation
import Testing

/// The program in README.md is one that is built and run: Examples/demo.
struct ReadmeTests {
    @Test func theFirstProgramIsTheDemo() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let demo = try String(contentsOf: root.appendingPathComponent("Examples/demo/Demo.swift"), encoding: .utf8)
        #expect(readme.contains("```swift\n\(demo)```\n"), "Copy Examples/demo/Demo.swift into README.md.")
    }

    @Test func theDemoSaysHello() async throws {
        try await withPrograms { programs in
            try await expectSuccess(try programs.start(.swift, "demo"), "Hello World!\n")
        }
    }
}
