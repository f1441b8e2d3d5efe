// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// libFuzzer's entry: scripts/fuzz.sh compiles this folder's files and what they fuzz into one module.

import Glibc

/// What is fuzzed, by FUZZ_TARGET: `codec` where that is not set.
private let target = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? "codec"

/// A trap, a failed check, an access out of bounds or an excess of memory is a finding; libFuzzer keeps the bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    switch target {
    case "codec": fuzzCodec(bytes)
    case "frames": fuzzFrames(bytes)
    case "selectors": fuzzSelectors(bytes)
    case "settings": fuzzSettings(bytes)
    default: fatalError("FUZZ_TARGET is none of codec, frames, selectors and settings")
    }
    return 0
}
