// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// How tests start programs: no descriptor of theirs is left to them, no signal is blocked or ignored.
package enum ProgramStart {
    /// A pair of sockets for what a program reads and writes.
    ///
    /// No pipe, since that cannot be made closed-on-exec in one step: a program that another test starts meanwhile would hold
    /// it open, and the end of this one's output would not be seen.
    package static func socketPair() throws -> (own: Int32, programs: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw TestProgram.Failure("There are no sockets: \(String(cString: strerror(errno)))")
        }
        return (ends[0], ends[1])
    }

    /// Starts a program.
    /// - Parameters:
    ///   - command: its path and its arguments.
    ///   - descriptors: what the program has as which descriptor; nil is `/dev/null`, for reading.
    /// - Returns: the process and 0, or an error of the system's.
    package static func spawn(
        _ command: [String], descriptors: [(own: Int32?, programs: Int32)]
    ) -> (pid: pid_t, code: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (own, programs) in descriptors {
            if let own {
                posix_spawn_file_actions_adddup2(&actions, own, programs)
            } else {
                posix_spawn_file_actions_addopen(&actions, programs, "/dev/null", O_RDONLY, 0)
            }
        }

        // Threads of tests block signals. A shell's background job ignores SIGINT, and so would what the tests start in one.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var words = command.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid: pid_t = -1
        let code = posix_spawn(&pid, command[0], &actions, &attributes, &words, environ)
        return (pid, code)
    }
}
