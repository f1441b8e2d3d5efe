// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

extension Feature {
    /// The example programs of this package.
    static let programs: [Feature] = [
        Feature("examples: simple_send and simple_recv", needed: .all) { peer in
            let address = "\(peer.address)/\(try peer.newQueue())"
            let sent = try Program.run([Program.ours("simple_send"), "-a", address, "-m", "20"])
            try require(sent == "all messages confirmed\n", "simple_send writes \(sent)")
            let received = try Program.run([Program.ours("simple_recv"), "-a", address, "-m", "20"])
            try require(
                received == (1...20).map { "{'sequence': \($0)}\n" }.joined(), "simple_recv writes \(received)")
            return ""
        },
        Feature("examples: helloworld", needed: .all) { peer in
            let output = try Program.run([Program.ours("helloworld"), peer.address, try peer.newQueue()])
            try require(output == "Hello World!\n", "helloworld writes \(output)")
            return ""
        },
        // It accepts what C sends settled: an error here, as in Python.
        Feature("examples: helloworld_blocking", needed: [.rabbitMQ3, .rabbitMQ4, .cpp, .python, .swift]) { peer in
            let output = try Program.run([Program.ours("helloworld_blocking"), peer.address, try peer.newQueue()])
            try require(output == "Hello World!\n", "helloworld_blocking writes \(output)")
            return ""
        },
        Feature("examples: client and server", needed: [.python, .swift]) { peer in
            let arguments = ["-a", "\(peer.address)/\(try peer.newQueue())"]
            try Program.serve([Program.ours("server")] + arguments, [Program.ours("client")] + arguments)
            return ""
        },
    ]
}
