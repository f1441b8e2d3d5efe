// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

/// The deliveries of a link that have not been settled on this side, each in a slot with a generation.
///
/// Proton reuses a delivery's memory after it is settled. A `Delivery` therefore identifies a slot and the slot's generation
/// instead of the memory: if it is kept too long, it finds nothing, and never another delivery.
package struct DeliveryTable {
    /// Identifies an entry; not reused on one link before 2^32 deliveries have used one slot.
    package struct Token: Hashable {
        let slot: UInt32
        let generation: UInt32

        init(slot: UInt32, generation: UInt32) {
            self.slot = slot
            self.generation = generation
        }

        /// The token of deliveries that are sent settled, or settled out of order, and have no entry.
        static let settled = Token(slot: .max - 1, generation: .max)

        /// The token as the context of proton's delivery; the slot is increased by one, because a null pointer means no context.
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

    /// `told` is the code of the last state that an event has reported, truncated to a byte that fits between the other two.
    private var slots: [(slot: Slot, told: UInt8, generation: UInt32)] = []
    private var firstFree = UInt32.max
    /// The number of deliveries in the table.
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

    /// Records the code of the state that was reported for an existing entry.
    mutating func setReported(_ code: UInt64, of token: Token) {
        slots[Int(token.slot)].told = UInt8(truncatingIfNeeded: code)
    }

    /// Whether this code is that of the last reported state of an existing entry.
    func wasReported(_ code: UInt64, of token: Token) -> Bool {
        slots[Int(token.slot)].told == UInt8(truncatingIfNeeded: code)
    }

    /// Removes an entry.
    @discardableResult
    mutating func remove(_ token: Token) -> OpaquePointer? {
        guard let pointer = self[token] else { return nil }
        let index = Int(token.slot)
        slots[index] = (.free(next: firstFree), 0, slots[index].generation &+ 1)
        firstFree = token.slot
        count -= 1
        return pointer
    }

    /// Removes all entries; their tokens identify nothing any more.
    mutating func removeAll() {
        firstFree = .max
        for index in slots.indices {
            slots[index] = (.free(next: firstFree), 0, slots[index].generation &+ 1)
            firstFree = UInt32(index)
        }
        count = 0
    }
}
