// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import TestPrograms
import Testing

/// Checks that a run has done what it was asked for.
func expectDone(
    _ run: Tool.Run, _ output: String, errors: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(run.output == output, "\(run.errors)", sourceLocation: sourceLocation)
    if let errors { #expect(run.errors == errors, sourceLocation: sourceLocation) }
    #expect(run.ending == .exited(0), "\(run.errors)", sourceLocation: sourceLocation)
}

/// Checks that a run has failed by an exit code, and said why in one line.
func expectFailure(
    _ run: Tool.Run, _ code: Int32, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(run.ending == .exited(code), "\(run.errors)", sourceLocation: sourceLocation)
    #expect(run.errors.contains(message), "\(run.errors)", sourceLocation: sourceLocation)
    let lines = run.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
    #expect(lines.count == 1, "\(run.errors)", sourceLocation: sourceLocation)
}
