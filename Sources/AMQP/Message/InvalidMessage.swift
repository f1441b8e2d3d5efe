// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What came as a message and is none: what is wrong with it, and its bytes.
package struct InvalidMessage: Error, Sendable, Hashable {
    /// What is wrong.
    package let error: CodecError

    /// The bytes that came.
    package let bytes: [UInt8]
}
