// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import TestPrograms

/// `openssl s_server`: a peer of TLS that is neither ours nor proton's, on a free port.
final class OpenSSLPeer {
    let port: Int
    private let program: TestProgram

    /// Starts it, and waits until it listens.
    /// - Parameter arguments: other than where to listen.
    init(_ arguments: [String]) throws {
        // It ends with its input.
        program = try TestProgram(
            ["/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:0"] + arguments, input: .open, errors: .output)
        try program.read(until: "ACCEPT ")
        guard let port = try program.read(until: "\n").split(separator: ":").last.flatMap({ Int($0) }) else {
            throw TestError("openssl s_server: \(program.text)")
        }
        self.port = port
    }

    /// Ends it.
    /// - Returns: all that it has said: what it received, and what it knows of the handshake.
    func end() -> String {
        program.end()
        return program.readToEnd()
    }
}
