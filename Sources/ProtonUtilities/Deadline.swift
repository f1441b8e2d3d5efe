// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// When a wait has to end.
package struct Deadline: Sendable {
    /// On the monotonic clock; nil is never.
    let time: timespec?

    /// The end of a time-out that begins now; nil is never.
    package init(after timeout: Duration?) {
        // More than a lifetime is for ever, and would overflow.
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
