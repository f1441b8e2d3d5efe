// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonBroker

/// The broker of the library as it is by default, with one thread: what `check.py` counts the instructions of, since it is
/// built with the other programs of the benchmarks.
@main
enum BenchBroker {
    static func main() throws {
        guard CommandLine.arguments.count == 2 else {
            print("usage: bench-broker HOST:PORT")
            return
        }
        try Broker(CommandLine.arguments[1]).run(stopsOnSignals: true)
    }
}
