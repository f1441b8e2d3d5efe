// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The error for received bytes that are not a valid message, with the bytes.
package struct InvalidMessage: Error, Sendable, Hashable {
    /// The problem.
    package let error: CodecError

    /// The bytes that arrived.
    package let bytes: [UInt8]
}
