// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The output of this side until SASL is completed: SASL frames, followed by the AMQP header and frames, which are held back.
///
/// Proton writes the AMQP header and frames as soon as there are any. It also writes empty frames when it is made to ask for
/// output (`SASLLayer.askForOutput`); those are dropped.
struct SASLOutput: ~Copyable {
    private var posted: [UInt8] = []
    private var held = ByteStore()
    /// The beginning of a frame whose size is not known yet.
    private var partial: [UInt8] = []
    /// The number of missing bytes of the current frame; at first, of the protocol header.
    private var rest = 8
    /// The number of empty frames that were dropped.
    private(set) var dropped = 0

    init() {}

    /// Whether proton's output so far ends with a complete frame.
    var isWhole: Bool { partial.isEmpty && rest == 0 }

    /// Adds a SASL frame.
    mutating func post(_ frame: [UInt8]) { posted += frame }

    /// Moves the SASL frames to a store.
    mutating func takePosted(to store: inout ByteStore) {
        store.append(posted)
        // The frames may contain passwords.
        posted.withUnsafeMutableBytes { Secrets.wipe($0) }
        posted = []
    }

    /// Holds back bytes of proton's output.
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

    /// Passes the bytes held back to a closure, and removes them.
    mutating func release(_ body: (UnsafeRawBufferPointer) -> Void) {
        body(held.bytes)
        held.removeAll()
    }
}
