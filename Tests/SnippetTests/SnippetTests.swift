// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

/// The snippets of the articles are ones that are compiled, most of them in this folder.
struct SnippetTests {
    static let articles = [
        Article("Sources/Proton/Proton.docc/AsyncClient.md", "SnippetTests/AsyncClientSnippets.swift"),
        Article("Sources/Proton/Proton.docc/BackgroundSending.md", "SnippetTests/BackgroundSendingSnippets.swift"),
        Article("Sources/Proton/Proton.docc/ChoosingABroker.md", "SnippetTests/ChoosingABrokerSnippets.swift"),
        Article("Sources/Proton/Proton.docc/DeliveryGuarantees.md", "SnippetTests/DeliveryGuaranteesSnippets.swift"),
        Article("Sources/Proton/Proton.docc/FlowControl.md", "SnippetTests/FlowControlSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Handlers.md", "SnippetTests/HandlersSnippets.swift"),
        Article("Sources/Proton/Proton.docc/HowItIsBuilt.md", "SnippetTests/HowItIsBuiltSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Logging.md", "SnippetTests/LoggingSnippets.swift"),
        Article("Sources/Proton/Proton.docc/LoggingIn.md", "SnippetTests/LoggingInSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Observability.md", "SnippetTests/ObservabilitySnippets.swift"),
        Article("Sources/Proton/Proton.docc/Performance.md", "SnippetTests/PerformanceSnippets.swift"),
        Article(
            "Sources/Proton/Proton.docc/PortingFromCPlusPlus.md", "SnippetTests/PortingFromCPlusPlusSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Reconnecting.md", "SnippetTests/ReconnectingSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Requests.md", "SnippetTests/RequestsSnippets.swift"),
        Article("Sources/Proton/Proton.docc/Security.md", "SnippetTests/SecuritySnippets.swift"),
        Article("Sources/Proton/Proton.docc/TLS.md", "SnippetTests/TLSSnippets.swift"),
        Article(
            "Sources/Proton/Proton.docc/Threads.md", "ProtonTests/BackgroundExample.swift",
            "SnippetTests/ThreadsSnippets.swift"),
        Article("Sources/ProtonBroker/ProtonBroker.docc/ProtonBroker.md", "SnippetTests/OtherSnippets.swift"),
        Article(
            "Sources/ProtonBroker/ProtonBroker.docc/RunningTheBroker.md", "SnippetTests/RunningTheBrokerSnippets.swift"),
        Article("Sources/ProtonBroker/ProtonBroker.docc/Security.md", "SnippetTests/OtherSnippets.swift"),
        Article("Sources/ProtonBroker/ProtonBroker.docc/Management.md", "SnippetTests/OtherSnippets.swift"),
        Article(
            "Sources/ProtonFoundation/ProtonFoundation.docc/ProtonFoundation.md",
            "ProtonFoundationTests/Snippets.swift"),
        Article("Sources/ProtonNIO/ProtonNIO.docc/ProtonNIO.md", "ProtonNIOTests/Snippets.swift"),
        Article(
            "Sources/ProtonConfiguration/ProtonConfiguration.docc/ProtonConfiguration.md",
            "ProtonConfigurationTests/Snippets.swift"),
        Article(
            "Sources/ProtonTesting/ProtonTesting.docc/TestingPrograms.md", "SnippetTests/OtherSnippets.swift",
            "ProtonTestingTests/GreeterTests.swift", "ProtonTestingTests/PriceListTests.swift"),
    ]

    struct Article: CustomTestStringConvertible, Sendable {
        let path: String
        /// The files of the tests that have its snippets.
        let files: [String]

        init(_ path: String, _ files: String...) { (self.path, self.files) = (path, files) }

        var testDescription: String { path }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    static func text(_ path: String) throws -> String {
        try String(contentsOf: folder.appending(path: "../../\(path)"), encoding: .utf8)
    }

    @Test(arguments: articles + landingPages)
    func snippetsAreCompiled(_ article: Article) throws {
        let code = try article.files.map { Self.lines(of: try Self.text("Tests/\($0)")) }
        let snippets = Self.snippets(of: try Self.text(article.path)).filter { !Self.isOfManifest($0) }
        #expect(!snippets.isEmpty)
        for snippet in snippets {
            #expect(
                code.contains { Self.contains($0, Self.lines(of: snippet)) },
                "\(article.path) has a snippet that is in none of \(article.files):\n\(snippet)")
        }
    }

    /// What a snippet of a manifest names is in this package's.
    @Test(arguments: articles + landingPages)
    func productsAreThere(_ article: Article) throws {
        let manifest = try Self.text("Package.swift")
        for snippet in Self.snippets(of: try Self.text(article.path)) where Self.isOfManifest(snippet) {
            for line in snippet.split(separator: "\n") {
                let name = try #require(line.split(separator: "\"").dropFirst().first)
                #expect(manifest.contains(".library(name: \"\(name)\""), "\(article.path): \(line)")
            }
        }
    }

    @Test func whatCounts() {
        let text = "a\n```swift\nlet x = 1\n\nf {\n    x\n}\n```\nb\n```\nno Swift\n```\n```swift\ny\n```"
        #expect(Self.snippets(of: text) == ["let x = 1\n\nf {\n    x\n}", "y"])
        let code = Self.lines(of: "    let x = 1\n\n    f {\n        x\n    }\n")
        #expect(Self.contains(code, Self.lines(of: "f {\n    x\n}")))
        #expect(!Self.contains(code, Self.lines(of: "let x = 1\nx")), "lines in between are left out")
        #expect(!Self.contains(code, Self.lines(of: "f {\n    y\n}")))
    }

    // MARK: Texts

    /// The blocks of Swift of an article.
    private static func snippets(of article: String) -> [String] {
        var snippets: [String] = []
        var lines: [Substring]?
        for line in article.split(separator: "\n", omittingEmptySubsequences: false) {
            switch (lines, line) {
            case (nil, "```swift"): lines = []
            case (let inside?, "```"):
                snippets.append(inside.joined(separator: "\n"))
                lines = nil
            default: lines?.append(line)
            }
        }
        return snippets
    }

    private static func isOfManifest(_ snippet: String) -> Bool { snippet.hasPrefix(".product(") }

    /// A text's lines with single spaces only and no indentation, without those that are empty.
    private static func lines(of text: String) -> [String] {
        text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty }
    }

    /// Whether lines follow one another in a text.
    private static func contains(_ text: [String], _ part: [String]) -> Bool {
        guard !part.isEmpty, part.count <= text.count else { return false }
        return (0...(text.count - part.count)).contains { text[$0..<($0 + part.count)].elementsEqual(part) }
    }
}
