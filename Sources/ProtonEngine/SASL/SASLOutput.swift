// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// What this side sends until SASL is done: SASL's frames, and behind them AMQP's header and frames, which wait.
///
/// Proton writes the latter as soon as there are any, and frames without a body where it is asked for output
/// (`SASLLayer.askForOutput`): those are dropped.
struct SASLOutput: ~Copyable {
    private var posted: [UInt8] = []
    private var held = ByteStore()
    /// The beginning of a frame, as far as its size is not known.
    private var partial: [UInt8] = []
    /// How many bytes of what has begun are still to come: of the protocol header at first.
    private var rest = 8
    /// How many frames without a body have been dropped.
    private(set) var dropped = 0

    init() {}

    /// Whether all that has come from proton ends with a whole frame.
    var isWhole: Bool { partial.isEmpty && rest == 0 }

    /// Adds a frame of SASL's.
    mutating func post(_ frame: [UInt8]) { posted += frame }

    /// Moves the frames of SASL's that have not been taken.
    mutating func takePosted(to store: inout ByteStore) {
        store.append(posted)
        // Passwords are among them.
        posted.withUnsafeMutableBytes { Secrets.wipe($0) }
        posted = []
    }

    /// Keeps bytes of proton's.
    mutating func hold(_ bytes: UnsafeRawBufferPointer) {
        var bytes = bytes[...]
        while !bytes.isEmpty {
            if rest > 0 {
                let part = bytes.prefix(rest)
                held.append(UnsafeRawBufferPointer(rebasing: part))
                rest -= part.count
                bytes = bytes.dropFirst(part.count)
                continue
            }
            let part = bytes.prefix(8 - partial.count)
            partial += part
            bytes = bytes.dropFirst(part.count)
            guard partial.count == 8 else { return }
            let size = partial[..<4].reduce(0) { $0 << 8 | Int($1) }
            if size > 8 {
                held.append(partial)
                rest = size - 8
            } else {
                dropped += 1
            }
            partial = []
        }
    }

    /// Hands the bytes that are kept to a closure, and lets go of them.
    mutating func release(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(held.bytes)
        held.removeAll()
    }
}
