// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Glibc

/// The signal SIGXFSZ, which ends a process that writes a file beyond its limit (setrlimit(2), RLIMIT_FSIZE).
///
/// Where it is blocked, the write fails with EFBIG instead, and SQLite says so. The kernel sends it to the thread that
/// writes, so that no other thread notices.
enum FileSizeSignal {
    /// Blocks the signal for the calling thread, until the thread ends.
    static func block() {
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Runs `body` on the calling thread with the signal blocked, and discards a signal that it caused.
    static func blocked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        var set = signals
        var before = sigset_t()
        pthread_sigmask(SIG_BLOCK, &set, &before)
        defer {
            if sigismember(&before, SIGXFSZ) == 0 {
                var none = timespec()
                _ = sigtimedwait(&set, nil, &none)
                pthread_sigmask(SIG_SETMASK, &before, nil)
            }
        }
        return try body()
    }

    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGXFSZ)
        return set
    }
}

#endif
