// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Threads.md that are not in BackgroundExample.swift, compiled: each as it is in the article, in what it needs around it.
enum ThreadsSnippets {
    struct HaveAnotherThreadUseAConnection {
        func closeLater(_ workQueue: WorkQueue) -> Bool {
            workQueue.schedule(after: .seconds(5)) { connection in connection.close() }
        }
    }

    struct IsolateAnActorToAConnection {
        actor Statistics {
            private let workQueue: WorkQueue
            private var count = 0

            nonisolated var unownedExecutor: UnownedSerialExecutor { workQueue.asUnownedSerialExecutor() }

            init(_ workQueue: WorkQueue) { self.workQueue = workQueue }

            func add() { count += 1 }
            func total() -> Int { count }
        }

        func count(in statistics: Statistics) {
            statistics.assumeIsolated { $0.add() }
        }
    }
}
