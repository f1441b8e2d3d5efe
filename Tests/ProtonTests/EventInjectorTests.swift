// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ProtonTesting
import ProtonUtilities
import Synchronization
import Testing

@testable import Proton

/// Events of the program's own, which come from other threads.
@Suite(.timeLimit(.minutes(1)))
struct EventInjectorTests {
    /// Notes the events of the program's own, and what they are about.
    private final class Listening: MessagingHandler {
        let log: SharedLog
        let name: String
        let start: (ContainerEvent) throws -> Void
        let act: (ApplicationEvent) throws -> Void
        let handlers: [any ProtonHandler]

        init(
            _ name: String, _ log: SharedLog, handlers: [any ProtonHandler] = [],
            start: @escaping (ContainerEvent) throws -> Void = { _ in },
            act: @escaping (ApplicationEvent) throws -> Void = { _ in }
        ) {
            (self.name, self.log, self.handlers, self.start, self.act) = (name, log, handlers, start, act)
        }

        func onStart(_ event: ContainerEvent) throws { try start(event) }

        func onApplicationEvent(_ event: ApplicationEvent) throws {
            log.note("\(name): \(event.name) \(event.subject.map { "\($0)" } ?? "-")")
            try act(event)
        }
    }

    private func runOnNewThread(_ body: @escaping @Sendable () -> Void) throws {
        guard let thread = Thread.start(body) else { throw TestError("No thread can be started.") }
        thread.detach()
    }

    @Test("Events of another thread come in order, to a handler and those below it; close lets the container end")
    func order() throws {
        let log = SharedLog()
        let injector = EventInjector()
        let child = Listening("child", log)
        let handler = Listening(
            "parent", log, handlers: [child],
            start: { event in
                try event.container.selectable(injector)
                try runOnNewThread {
                    for number in 1...3 { injector.trigger(ApplicationEvent("count", subject: number)) }
                    injector.close()
                }
            })
        try Container(handler).run()
        #expect(log.lines == (1...3).flatMap { ["parent: count \($0)", "child: count \($0)"] })
    }

    @Test("What is triggered before the injector is added waits, up to a limit; afterwards nothing is taken")
    func lifetime() throws {
        let log = SharedLog()
        let injector = EventInjector()
        for number in 1...EventInjector.maxEarlyEvents {
            #expect(injector.trigger(ApplicationEvent("early", subject: number)))
        }
        #expect(!injector.trigger(ApplicationEvent("one too many")))
        let last = EventInjector.maxEarlyEvents
        let container = try Container(
            Listening("it", log, act: { event in if event.subject as? Int == last { injector.close() } }))
        try container.selectable(injector)
        try container.run()
        #expect(log.lines.count == last)
        #expect(log.lines.first == "it: early 1")
        #expect(!injector.trigger(ApplicationEvent("late")))
        injector.close()
        #expect(throws: ProtonError.self) { try container.selectable(injector) }
    }

    @Test("A container that has ended or is gone takes no events")
    func ended() throws {
        let injector = EventInjector()
        let handler = Listening("it", SharedLog(), act: { $0.container.stop() })
        do {
            let container = try Container(handler)
            try container.selectable(injector)
            #expect(injector.trigger(ApplicationEvent("stop")))
            try container.run()
            #expect(!injector.trigger(ApplicationEvent("ended")))
        }
        #expect(!injector.trigger(ApplicationEvent("gone")))
        injector.close()
    }

    @Test("An injector is added once")
    func addedTwice() throws {
        let injector = EventInjector()
        let container = try Container()
        try container.selectable(injector)
        let error = #expect(throws: ProtonError.self) { try container.selectable(injector) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("An event goes to the nearest handler of what it is about")
    func nearest() throws {
        let log = SharedLog()
        let injector = EventInjector()
        let onLink = Listening("link", log, act: { #expect($0.sender != nil) })
        var listener: Listener?
        let onConnection = Listening(
            "connection", log,
            act: { event in
                #expect(event.connection != nil)
                if event.name == "last" {
                    event.connection?.close()
                    listener?.close()
                    injector.close()
                }
            })
        let handler = Listening(
            "container", log,
            start: { event in
                let container = event.container
                try container.selectable(injector)
                let new = try container.listen("127.0.0.1:0") { Silent() }
                listener = new
                let connection = try container.connect(
                    "127.0.0.1:\(new.port ?? 0)", handler: onConnection, options: .once)
                let sender = try container.createSender(connection, "a", handler: onLink)
                let plain = try container.createSender(connection, "b")
                let events = [
                    ApplicationEvent("none"), ApplicationEvent("of", connection: connection),
                    ApplicationEvent("of", session: sender.session), ApplicationEvent("of", link: sender),
                    ApplicationEvent("of", link: plain), ApplicationEvent("last", connection: connection),
                ]
                try runOnNewThread { for event in events { injector.trigger(event) } }
            },
            act: { #expect($0.connection == nil) })
        try Container(handler).run()
        #expect(
            log.lines.sorted() == [
                "connection: last -", "connection: of -", "connection: of -", "connection: of -", "container: none -",
                "link: of -",
            ])
    }

    @Test("What a handler throws comes out of run")
    func failure() throws {
        let injector = EventInjector()
        let container = try Container(Listening("it", SharedLog(), act: { _ in throw TestError("mine") }))
        try container.selectable(injector)
        injector.trigger(ApplicationEvent("go"))
        #expect(throws: TestError("mine")) { try container.run() }
        #expect(!injector.trigger(ApplicationEvent("late")))
    }

    @Test("A message is accepted when another thread is done with it, on one thread and on several", arguments: [1, 4])
    func acceptLater(threads: Int) async throws {
        let handler = AcceptingLater(count: 50)
        try await onThread { try Container().run(threads: threads, handler: handler) }
        #expect(handler.accepted.value == 50)
        #expect(handler.outsideDomain.value == 0)
    }

    @Test("Events for connections of several threads come in their domains, and none is lost")
    func manyThreads() async throws {
        let handler = Flooded(connections: 8, threads: 4, events: 200)
        try await onThread { try Container().run(threads: 4, handler: handler) }
        #expect(handler.received.value == 8 * 4 * 200)
        #expect(handler.outsideDomain.value == 0)
    }
}

/// Takes what comes, and does nothing about it.
private final class Silent: MessagingHandler {
    func onTransportError(_ event: TransportEvent) {}
}

/// Sends itself messages, and accepts each after its event has been in another thread.
private final class AcceptingLater: MessagingHandler, Sendable {
    let count: Int
    let accepted = Counter()
    let outsideDomain = Counter()
    private let sent = Counter()
    private let injector = EventInjector()
    private let worker = EventWorker()

    var options: HandlerOptions { HandlerOptions(autoAccepts: false) }

    init(count: Int) { self.count = count }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.selectable(injector)
        let listener = try event.container.listen("127.0.0.1:0")
        let connection = try event.container.connect("127.0.0.1:\(listener.port ?? 0)", options: .once)
        try event.container.createSender(connection, "a")
        try worker.start { [injector] event in _ = injector.trigger(event) }
    }

    func onSendable(_ event: SenderEvent) throws {
        while event.sender.credit > 0, sent.value < count {
            try event.sender.send(Message(body: "x"))
            sent.increment()
        }
    }

    func onMessage(_ event: MessageEvent) {
        worker.put(ApplicationEvent("done", delivery: event.delivery))
    }

    func onApplicationEvent(_ event: ApplicationEvent) {
        if event.connection?.workQueue.domain.isCurrent != true { outsideDomain.increment() }
        event.delivery?.accept()
    }

    func onAccepted(_ event: DeliveryEvent) {
        accepted.increment()
        guard accepted.value == count else { return }
        worker.stop()
        injector.close()
        event.container.stop()
    }
}

/// Hands on events in a thread of its own.
private final class EventWorker: Sendable {
    private let queue = Monitor<(events: [ApplicationEvent], isOpen: Bool)>(([], true))

    func put(_ event: ApplicationEvent) { queue.withLock { $0.events.append(event) } }

    func stop() { queue.withLock { $0.isOpen = false } }

    func start(_ body: @escaping @Sendable (ApplicationEvent) -> Void) throws {
        let thread = Thread.start { [queue] in
            // Empty once there will be no more.
            func next() -> [ApplicationEvent] {
                queue.wait(until: Deadline(after: nil)) { state in
                    guard !state.events.isEmpty || !state.isOpen else { return nil }
                    defer { state.events = [] }
                    return state.events
                } ?? []
            }
            while case let events = next(), !events.isEmpty {
                for event in events { body(event) }
            }
        }
        guard let thread else { throw TestError("No thread can be started.") }
        thread.detach()
    }
}

/// Gets many events about many connections from many threads.
private final class Flooded: MessagingHandler, Sendable {
    let connections: Int
    let threads: Int
    let events: Int
    let received = Counter()
    let outsideDomain = Counter()
    private let injector = EventInjector()

    init(connections: Int, threads: Int, events: Int) {
        (self.connections, self.threads, self.events) = (connections, threads, events)
    }

    func onStart(_ event: ContainerEvent) throws {
        try event.container.selectable(injector)
        let listener = try event.container.listen("127.0.0.1:0")
        let topics = try (0..<connections).map { _ in
            ApplicationEvent(
                "go", connection: try event.container.connect("127.0.0.1:\(listener.port ?? 0)", options: .once))
        }
        for _ in 0..<threads {
            let thread = Thread.start { [injector, events] in
                for _ in 0..<events { for topic in topics { injector.trigger(topic) } }
            }
            guard let thread else { throw TestError("No thread can be started.") }
            thread.detach()
        }
    }

    func onApplicationEvent(_ event: ApplicationEvent) {
        if event.connection?.workQueue.domain.isCurrent != true { outsideDomain.increment() }
        received.increment()
        guard received.value == connections * threads * events else { return }
        injector.close()
        event.container.stop()
    }
}
