// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonTesting

/// What a round sends, for the one that is run again with FUZZ_SHOW set: `bytes` as digits, `frames` as text.
enum Trace {
    private static let kind = getenv("FUZZ_SHOW").map { String(cString: $0) }

    static func show(_ bytes: [UInt8]) {
        switch kind {
        case "bytes": print(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
        case nil: return
        default:
            for frame in Frame.parse(bytes) { print("  -> \(frame)") }
            print("  .. \(bytes.count) bytes")
        }
        fflush(nil)
    }
}
