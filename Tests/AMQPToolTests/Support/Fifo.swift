// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestPrograms

/// A named pipe between a test and a program that it has started.
final class Fifo {
    let path: String
    /// For both ways, so that opening waits for nobody.
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        let isMade = mkfifo(path, 0o600) == 0
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard isMade, descriptor >= 0 else { throw TestProgram.Failure("\(path) cannot be made.") }
    }

    deinit { close(descriptor) }

    /// Waits until a program has written, a minute at most.
    func waitForLine() throws {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, 60_000) == 1 else { throw TestProgram.Failure("Nothing was written to \(path).") }
    }

    func writeLine() throws {
        guard write(descriptor, "\n", 1) == 1 else { throw TestProgram.Failure("\(path) cannot be written.") }
    }
}
