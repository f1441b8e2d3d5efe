// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// What `simple_recv` and `direct_recv` write for messages from `simple_send` and `direct_send`.
func sequence(_ count: Int) -> String {
    (1...count).map { "{'sequence': \($0)}\n" }.joined()
}

/// What `simple_send` and `direct_send` write.
let confirmed = "all messages confirmed\n"

/// Waits until a program has ended, and checks that it did so well: with this output, byte for byte, and no error.
func expectSuccess(
    _ program: ChildProcess, _ output: String, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let record = try await program.waitForEnd()
    #expect(record.output == Array(output.utf8), "\(record.outputText)", sourceLocation: sourceLocation)
    #expect(record.errorText == "", sourceLocation: sourceLocation)
    #expect(record.ending == .exited(0), sourceLocation: sourceLocation)
}

/// Waits until a program has ended, and checks that it said why in one line, and failed.
/// - Parameter lost: what it said before that, when it lost its peer and tried again.
func expectFailure(
    _ program: ChildProcess, _ message: String, after lost: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let record = try await program.waitForEnd()
    let lines = record.errorText.split(separator: "\n")
    #expect(lines.last == "Error: \(message)", sourceLocation: sourceLocation)
    #expect(lines.count == (lost == nil ? 1 : 2), sourceLocation: sourceLocation)
    if let lost { #expect(lines.first?.hasSuffix("\(lost) Trying again.") == true, sourceLocation: sourceLocation) }
    #expect(record.ending == .exited(1), sourceLocation: sourceLocation)
}
