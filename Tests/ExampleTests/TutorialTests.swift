// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The programs on the tutorial's pages are those of Examples, and compile as a reader copies them from there.
@Suite(.timeLimit(.minutes(10)))
struct TutorialTests {
    /// The pages with programs, and the programs' names in Examples, in order.
    private static let pages: [(name: String, programs: [String])] = [
        ("TutorialHelloWorld", ["helloworld"]),
        ("TutorialHelloWorldDirect", ["helloworld_direct"]),
        ("TutorialSendAndReceive", ["simple_send", "simple_recv"]),
        ("TutorialDirect", ["direct_recv", "direct_send"]),
        ("TutorialRequestsAndResponses", ["server", "client", "server_direct"]),
        ("TutorialSelectorsAndBrowsing", ["colour_send", "selected_recv", "queue_browser"]),
        ("TutorialAsync", ["demo"]),
    ]

    private static let folder = "Sources/Proton/Proton.docc/Tutorial"

    /// The blocks of Swift of a page.
    private static func blocks(of page: String) throws -> [String] {
        try packageText("\(folder)/\(page).md").matches(of: #/(?ms)^```swift\n(.*?)^```$/#).map { String($0.output.1) }
    }

    @Test func allPagesAreListed() throws {
        let files = try FileManager.default.contentsOfDirectory(
            atPath: packageFolder.appendingPathComponent(Self.folder).path)
        #expect(Set(files) == Set((Self.pages.map(\.name) + ["Tutorial"]).map { "\($0).md" }))
        let overview = try packageText("\(Self.folder)/Tutorial.md")
        for page in Self.pages { #expect(overview.contains("- <doc:\(page.name)>\n")) }
    }

    @Test(arguments: Self.pages.indices)
    func programsAreThoseOfExamples(_ index: Int) throws {
        let page = Self.pages[index]
        let blocks = try Self.blocks(of: page.name)
        #expect(blocks.count == page.programs.count)
        for (block, program) in zip(blocks, page.programs) {
            let isSame = try block == exampleProgram(program)
            #expect(isSame, "Copy Examples/\(program) into \(Self.folder)/\(page.name).md, without the licence.")
        }
    }

    @Test(arguments: Self.pages.indices)
    func programsCompile(_ index: Int) async throws {
        for block in try Self.blocks(of: Self.pages[index].name) {
            let record = try await compile(block, "-warnings-as-errors")
            #expect(record.ending == .exited(0), "\(record.errorText)")
        }
    }

    /// The manifest of the tutorial's package is one, and what it names is in this package's.
    @Test func thePackageIsOne() async throws {
        let manifest = try #require(try Self.blocks(of: "Tutorial").first)
        let record = try await withFolder { folder in
            try manifest.write(to: folder.appendingPathComponent("Package.swift"), atomically: true, encoding: .utf8)
            let package = try ChildProcess(
                "/usr/bin/env", ["swift", "package", "--package-path", folder.path, "dump-package"])
            return try await package.waitForEnd()
        }
        #expect(record.ending == .exited(0), "\(record.errorText)")
        let products = manifest.matches(of: #/\.product\(name: "(\w+)", package: "swift-qpid-proton"\)/#)
        #expect(products.map { String($0.output.1) } == ["Proton", "ProtonBroker"])
        let own = try packageText("Package.swift")
        for product in products { #expect(own.contains(".library(name: \"\(product.output.1)\"")) }
    }
}
