// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The time when a wait has to end.
package struct Deadline: Sendable {
    /// The time on the monotonic clock; nil means never.
    let time: timespec?

    /// Creates the deadline of a time-out that begins now; nil means never.
    package init(after timeout: Duration?) {
        // A longer time-out would overflow; it exceeds a lifetime, so it counts as never.
        guard let timeout, timeout < .seconds(3_000_000_000) else {
            time = nil
            return
        }
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let (seconds, attoseconds) = max(.zero, timeout).components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        time = timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000, tv_nsec: nanoseconds % 1_000_000_000)
    }
}
