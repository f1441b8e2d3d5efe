// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

/// The table of Python's tests and these, in Tests/PythonParity.md.
struct PythonTableTests {
    @Test func everyTestThatIsNamedIsThere() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let table = try String(contentsOf: folder.appending(path: "PythonParity.md"), encoding: .utf8)
        var sources: [String: String] = [:]
        for target in ["ProtonTests", "ProtonEngineTests", "AMQPTests"] {
            let path = folder.appending(path: target)
            for file in try FileManager.default.contentsOfDirectory(atPath: path.path) where file.hasSuffix(".swift") {
                let suite = String(file.dropLast(".swift".count))
                sources[suite, default: ""] += try String(contentsOf: path.appending(path: file), encoding: .utf8)
            }
        }
        // A file is named for its suite.
        let names = table.matches(of: #/`(\w+Tests)\.(\w+)`/#)
        #expect(names.count > 50)
        for name in names {
            #expect(sources[String(name.1)]?.contains("func \(name.2)(") == true, "\(name.0)")
        }
    }
}
