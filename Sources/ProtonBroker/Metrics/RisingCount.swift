import CoreMetrics
import ProtonUtilities
import Synchronization

/// A counter that is told where it stands, rather than by how much it has risen.
final class RisingCount: Sendable {
    private let counter: Counter
    private let last = Mutex<UInt64>(0)

    init(_ counter: Counter) { self.counter = counter }

    /// The count is this now. One that seems to have gone back, as between two looks at queues, has stood still.
    func rise(to count: UInt64) {
        let difference = last.withLock { last in
            guard count > last else { return UInt64(0) }
            return count - exchange(&last, with: count)
        }
        if difference > 0 { counter.increment(by: difference) }
    }
}
