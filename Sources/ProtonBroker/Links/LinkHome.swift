import Proton

/// Where a link's own work is done: in its connection's domain, which other connections' threads cannot enter.
struct LinkHome: Sendable {
    private let queue: WorkQueue
    /// Whether the broker has but one thread, which is in every connection's domain where it has to be.
    private let isOnlyThread: Bool

    init(_ link: Link, isOnlyThread: Bool) {
        queue = link.connection.workQueue
        self.isOnlyThread = isOnlyThread
    }

    /// Whether the calling thread, one of the broker's, may use the link.
    var isHere: Bool { isOnlyThread || queue.isIsolatingCurrentContext() == true }

    /// Does something with the link: now, or soon where another thread has to do it. Not where its connection is over.
    func run(_ work: @escaping @Sendable () -> Void) {
        if isHere { work() } else { runLater(work) }
    }

    /// Does something with the link soon, from any thread.
    func runLater(_ work: @escaping @Sendable () -> Void) {
        queue.add { _ in work() }
    }
}
