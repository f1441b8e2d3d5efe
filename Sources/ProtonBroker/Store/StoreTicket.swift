/// The number of the last change of a store that something waits for; none where it waits for nothing.
struct StoreTicket: Comparable, Sendable {
    private(set) var number: UInt64 = 0

    init() {}

    init(_ number: UInt64) { self.number = number }

    /// Whether there is nothing to wait for.
    var isNone: Bool { number == 0 }

    static func < (left: StoreTicket, right: StoreTicket) -> Bool { left.number < right.number }
}
