// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestPrograms
import Testing

/// Python's example broker, on a free port, for as long as a test runs.
final class PythonBroker: Sendable {
    let address: String
    private let program: TestProgram

    /// Starts it, and waits until it listens.
    init() throws {
        let script = """
            import importlib.util, sys
            spec = importlib.util.spec_from_file_location("broker", "/usr/share/proton/examples/python/broker.py")
            broker = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(broker)
            class Listening(broker.Broker):
                def on_start(self, event):
                    super().on_start(event)
                    print(self.acceptor._selectable._delegate.getsockname()[1], flush=True)
            broker.Container(Listening("127.0.0.1:0")).run()
            """
        program = try TestProgram(["/usr/bin/python3", "-c", script])
        address = "127.0.0.1:\(try program.read(until: "\n"))"
    }
}

/// Runs lines of Python that use its blocking client, `connection`, and returns what they print.
func python(_ address: String, _ lines: String) throws -> String {
    let script = """
        import sys
        from proton import *
        from proton.utils import BlockingConnection
        connection = BlockingConnection(sys.argv[1], timeout=60)
        \(lines)
        connection.close()
        """
    return try TestProgram.run(["/usr/bin/python3", "-c", script, address])
}
