// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// An error that a test throws.
struct TestError: Error, Equatable {
    let what: String

    init(_ what: String) {
        self.what = what
    }
}
