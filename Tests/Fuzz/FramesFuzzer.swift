// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Passes bytes through the scanner of frames, both ways, in pieces that the bytes themselves say.
///
/// The first byte sets the limits. Each piece begins with a byte for its direction and one for its size.
func fuzzFrames(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    var scanner = FrameScanner(
        maxFrameSize: first & 1 == 0 ? 512 : 65_536, maxSessions: first & 2 == 0 ? 1 : 8,
        maxLinks: first & 4 == 0 ? 2 : 100, maxNameSize: 20)
    var rest = bytes.dropFirst()
    while rest.count > 2 {
        let isReceived = rest[rest.startIndex] & 3 != 0
        let piece = Array(rest.dropFirst(2).prefix(Int(rest[rest.startIndex + 1]) + 1))
        rest = rest.dropFirst(2 + piece.count)
        let hadViolation = scanner.violation != nil
        let passed = piece.withUnsafeBytes { isReceived ? scanner.receive($0).count : scanner.send($0).count }
        // A peer that broke a rule is not heard any more, but for its close.
        if hadViolation, isReceived { precondition(passed <= 512, "frames behind a violation pass") }
    }
}
