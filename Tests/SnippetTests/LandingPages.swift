// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

extension SnippetTests {
    /// The pages of the modules, whose snippets are in LandingPageSnippets.swift.
    static let landingPages = [
        "AMQP", "Proton", "ProtonBrokerStore", "ProtonEngine", "ProtonMetrics", "ProtonServiceLifecycle",
        "ProtonTesting",
        "ProtonTracing",
    ].map { Article("Sources/\($0)/\($0).docc/\($0).md", "SnippetTests/LandingPageSnippets.swift") }

    /// Every page with Swift in it is one whose snippets are compared; the tutorial's programs are, by ExampleTests.
    @Test func allPagesAreListed() throws {
        let listed = Set((Self.articles + Self.landingPages).map(\.path))
        let sources = Self.folder.appending(path: "../../Sources")
        var count = 0
        for module in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
            let catalog = "\(module)/\(module).docc"
            guard let pages = try? FileManager.default.contentsOfDirectory(atPath: sources.path + "/" + catalog) else {
                continue
            }
            for page in pages where page.hasSuffix(".md") {
                let path = "Sources/\(catalog)/\(page)"
                guard try Self.text(path).contains("```swift\n") else { continue }
                count += 1
                #expect(listed.contains(path), "Add \(path) to the list of articles.")
            }
        }
        #expect(count > 0)
    }
}
