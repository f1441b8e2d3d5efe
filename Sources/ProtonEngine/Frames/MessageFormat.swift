// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// Passes the format of a message to the engine, because proton 0.37 does not store it (AMQP 1.0, 2.7.5: `message-format`).
///
/// The frame layer puts a format other than 0 into the state of the message's first transfer: as the descriptor of a state that
/// is used for nothing else, and whose only field is the original state of the transfer.
enum MessageFormat {
    private static let domain: UInt64 = 0xffff_ffff << 32

    /// The descriptor of the state for a format.
    static func code(of format: UInt32) -> UInt64 { domain | UInt64(format) }

    /// The format for the descriptor of a state; nil for any other state.
    static func format(of code: UInt64) -> UInt32? {
        code & domain == domain ? UInt32(truncatingIfNeeded: code) : nil
    }
}
