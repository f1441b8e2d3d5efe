// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The programs in README.md are those that are built and run: Examples/demo, and the handler of Examples/helloworld.
struct ReadmeTests {
    private func text(_ path: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        return try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
    }

    @Test func theFirstProgramIsTheDemo() throws {
        let file = try text("Examples/demo/Demo.swift")
        // Without the lines about its licence.
        let demo = file[try #require(file.range(of: "\n\n")).upperBound...]
        #expect(
            try text("README.md").contains("```swift\n\(demo)```\n"), "Copy Examples/demo/Demo.swift into README.md.")
    }

    @Test func theHandlerIsThatOfHelloWorld() throws {
        let program = try text("Examples/helloworld/HelloWorld.swift")
        let start = try #require(program.range(of: "final class")).lowerBound
        let end = try #require(program.range(of: "\n@main")).lowerBound
        #expect(
            try text("README.md").contains("```swift\n\(program[start..<end])```\n"),
            "Copy the class of Examples/helloworld/HelloWorld.swift into README.md.")
    }

    @Test func theDemoSaysHello() async throws {
        try await withPrograms { programs in
            try await expectSuccess(try programs.start(.swift, "demo"), "Hello World!\n")
        }
    }
}
