// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// How the format of a message comes to the engine, which proton 0.37 does not keep (AMQP 1.0, 2.7.5: `message-format`).
///
/// The layer of frames puts a format other than 0 into the state of the message's first transfer: a state of a descriptor that
/// nobody else has, of which the state that the transfer had is the only field.
enum MessageFormat {
    private static let domain: UInt64 = 0xffff_ffff << 32

    /// The descriptor of a state that says the format.
    static func code(of format: UInt32) -> UInt64 { domain | UInt64(format) }

    /// The format that a state's descriptor says; nil of another state.
    static func format(of code: UInt64) -> UInt32? {
        code & domain == domain ? UInt32(truncatingIfNeeded: code) : nil
    }
}
