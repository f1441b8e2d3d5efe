// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Testing

/// What the compiler has to refuse, as a program's author would meet it: what would race, and callbacks that are misspelt.
@Suite(.timeLimit(.minutes(5)))
struct CompilerTests {
    /// Lines that follow two classes, and what is wrong with the lines; nil where nothing is.
    private static let programs: [(lines: String, error: String?)] = [
        // What runs on any of several threads is Sendable.
        ("func f(_ c: Container, _ m: Mine) { c.schedule(after: .zero) { m.count += 1 } }", nil),
        (
            "func f(_ c: Container, _ m: Mine) { c.schedule(after: .zero) { _ in m.count += 1 } }",
            "non-Sendable type 'Mine'"
        ),
        ("func f(_ c: Container) throws { try c.listen(\"a\") { Mine() } }", nil),
        ("func f(_ c: Container, _ m: Mine) throws { try c.listen(\"a\") { m } }", "non-Sendable type 'Mine'"),
        ("func f(_ c: Container) throws { try c.connect(\"a\") { Mine() } }", nil),
        ("func f(_ c: Container, _ m: Mine) throws { try c.connect(\"a\") { m } }", "non-Sendable type 'Mine'"),
        ("func f(_ c: Container, _ m: Mine) throws { try c.run(threads: 2, handler: m) }", "'Mine' does not conform"),
        // Of a container other threads have the handle.
        ("func f(_ h: ContainerHandle) throws { try h.execute { c in try c.connect(\"a\", handler: Mine()) } }", nil),
        (
            "func f(_ h: ContainerHandle, _ m: Mine) throws { try h.execute { _ in m.count += 1 } }",
            "non-Sendable type 'Mine'"
        ),
        ("func f(_ c: Container) { Task.detached { c.stop() } }", "data race"),
        ("func f(_ c: Container) { let h = c.handle; Task.detached { h.stop() } }", nil),
        // A container that runs in the background is handed over with its handlers.
        ("func f() throws { let m = Mine(); try ContainerThread(Container(m)).wait() }", nil),
        (
            "func f() throws { let m = Mine(); let t = try ContainerThread(Container(m)); m.count = 1; try t.wait() }",
            "data race"
        ),
        (
            "func f() throws { let c = try Container(); let t = try ContainerThread(c); c.stop(); try t.wait() }",
            "data race"
        ),
        // Of a base class callbacks are overridden.
        ("class B: MessagingHandlerBase { override func onStart(_ event: ContainerEvent) {} }", nil),
        (
            "class B: MessagingHandlerBase { override func onStart(event: ContainerEvent) {} }",
            "argument labels for method"
        ),
        (
            "class B: MessagingHandlerBase { override func onMesage(_ event: MessageEvent) {} }",
            "does not override any method"
        ),
    ]

    @Test(arguments: Self.programs.indices)
    func isRefused(_ index: Int) async throws {
        let (lines, error) = Self.programs[index]
        let record = try await compile(
            "import Proton\nfinal class Mine: MessagingHandler { var count = 0 }\n\(lines)\n")
        if let error {
            #expect(record.ending == .exited(1) && record.errorText.contains(error), "\(lines)\n\(record.errorText)")
        } else {
            #expect(record.ending == .exited(0), "\(lines)\n\(record.errorText)")
        }
    }
}
