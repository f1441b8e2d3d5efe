// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A container that is both sides: it listens with one handler and connects to itself with another.
struct Exchange {
    let journal = Journal()
    let server: Scripted
    let client: Scripted

    init(
        serverOptions: HandlerOptions = HandlerOptions(), clientOptions: HandlerOptions = HandlerOptions(),
        clientHandlers: [any ProtonHandler] = []
    ) {
        server = Scripted("server", journal, options: serverOptions)
        client = Scripted("client", journal, options: clientOptions, handlers: clientHandlers)
    }

    /// Runs until both connections are over.
    /// - Parameter setUp: makes what the client wants on its connection, before it is connected.
    func run(
        options: ConnectionOptions = .once, _ setUp: @escaping (Container, Connection) throws -> Void
    ) throws {
        defer {
            server.forget()
            client.forget()
        }
        let container = try Container(server, options: options)
        server.on("onStart") { [client] (event: ContainerEvent) in
            let listener = try event.container.listen("127.0.0.1:0")
            guard let port = listener.port else { throw TestError("The listener has no port.") }
            let connection = try event.container.connect("127.0.0.1:\(port)", handler: client)
            try setUp(event.container, connection)
            self.server.on("onConnectionBound") { (_: ConnectionEvent) in listener.close() }
        }
        try container.run()
    }

    /// The callbacks of one side, without those that only tell of bytes.
    func lines(of side: Scripted, _ isWanted: (String) -> Bool = { _ in true }) -> [String] {
        journal.lines.filter { $0.hasPrefix("\(side.name).") }.map { String($0.dropFirst(side.name.count + 1)) }
            .filter(isWanted)
    }
}
