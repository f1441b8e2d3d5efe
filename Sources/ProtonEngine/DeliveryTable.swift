// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The deliveries of a link that have not been settled on this side, each in a slot with a generation.
///
/// Proton reuses a delivery's memory as soon as it is settled. A `Delivery` therefore names a slot and the slot's
/// generation rather than the memory: one that is kept too long finds nothing, and never another delivery.
package struct DeliveryTable {
    /// Names an entry; never reused on one link before 2^32 deliveries went through one slot.
    package struct Token: Hashable {
        let slot: UInt32
        let generation: UInt32

        init(slot: UInt32, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }

        /// Of what is settled as it is sent, or out of order, and has no entry.
        static let settled = Token(slot: .max - 1, generation: .max)

        /// The token as proton's context of a delivery; the slot is one up, since a null pointer is no context.
        var context: UnsafeMutableRawPointer? {
            UnsafeMutableRawPointer(bitPattern: UInt(generation) << 32 | UInt(slot) + 1)
        }

        init?(context: UnsafeMutableRawPointer?) {
            guard let context else { return nil }
            let bits = UInt(bitPattern: context)
            self.init(slot: UInt32(truncatingIfNeeded: bits) &- 1, generation: UInt32(truncatingIfNeeded: bits >> 32))
        }
    }

    private enum Slot {
        case used(OpaquePointer)
        case free(next: UInt32)
    }

    /// `told` is the code of the last state that an event has told, cut to a byte that fits between the other two.
    private var slots: [(slot: Slot, told: UInt8, generation: UInt32)] = []
    private var firstFree = UInt32.max
    /// How many deliveries are in the table.
    private(set) var count = 0

    init() {}

    mutating func insert(_ pointer: OpaquePointer) -> Token {
        count += 1
        if firstFree == .max {
            slots.append((.used(pointer), 0, 0))
            return Token(slot: UInt32(slots.count - 1), generation: 0)
        }
        let index = firstFree
        if case .free(let next) = slots[Int(index)].slot { firstFree = next }
        slots[Int(index)].slot = .used(pointer)
        return Token(slot: index, generation: slots[Int(index)].generation)
    }

    subscript(token: Token) -> OpaquePointer? {
        let index = Int(token.slot)
        guard index < slots.count, slots[index].generation == token.generation,
            case .used(let pointer) = slots[index].slot
        else { return nil }
        return pointer
    }

    /// Notes the code of a state that has been told of an entry that is there.
    mutating func setTold(_ code: UInt64, of token: Token) {
        slots[Int(token.slot)].told = UInt8(truncatingIfNeeded: code)
    }

    /// Whether a state of this code is what was told last of an entry that is there.
    func wasTold(_ code: UInt64, of token: Token) -> Bool {
        slots[Int(token.slot)].told == UInt8(truncatingIfNeeded: code)
    }

    /// Takes an entry out.
    @discardableResult
    mutating func remove(_ token: Token) -> OpaquePointer? {
        guard let pointer = self[token] else { return nil }
        let index = Int(token.slot)
        slots[index] = (.free(next: firstFree), 0, slots[index].generation &+ 1)
        firstFree = token.slot
        count -= 1
        return pointer
    }

    /// Forgets all entries; their tokens name nothing any more.
    mutating func removeAll() {
        firstFree = .max
        for index in slots.indices {
            slots[index] = (.free(next: firstFree), 0, slots[index].generation &+ 1)
            firstFree = UInt32(index)
        }
        count = 0
    }
}
