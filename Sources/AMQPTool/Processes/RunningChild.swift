// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process that this one has started, with its process group.
final class RunningChild: Sendable {
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(by: Int32)
        case timedOut
    }

    private enum Phase {
        case running
        case killed
        /// Its process id may be another process's by now.
        case ended
    }

    private let pid: pid_t
    private let socket: Int32
    private let phase = Guarded(Phase.running)

    /// - Parameter socket: what its input and its output are the other end of; it stays open until `waitForEnd` has returned.
    init(_ pid: pid_t, socket: Int32) { (self.pid, self.socket) = (pid, socket) }

    /// Ends it, and what it has started, where it runs; nobody waits for its output any more.
    func kill() {
        phase.use { phase in
            guard case .running = phase else { return }
            phase = .killed
            _ = Glibc.kill(-pid, SIGKILL)
            // A program that has left the group may have the output.
            shutdown(socket, Int32(SHUT_RDWR))
        }
    }

    /// Waits for its end.
    func waitForEnd() -> Ending {
        var information = siginfo_t()
        // Its process id stays its own until it is waited for in full.
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return phase.use { phase in
            defer { phase = .ended }
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            if case .killed = phase { return .timedOut }
            return status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(by: status & 0x7f)
        }
    }
}
