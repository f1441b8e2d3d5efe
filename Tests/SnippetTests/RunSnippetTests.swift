// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonBroker
import ProtonTesting
import Synchronization
import Testing

/// Snippets of the articles, run with a broker: that they do what the articles say.
@Suite(.timeLimit(.minutes(2)))
struct RunSnippetTests {
    /// Sends numbers from 1 to a queue.
    private static func send(_ count: Int, to address: String, of broker: Broker) async throws {
        try await AMQPClient(broker.address).withConnection { connection in
            try await connection.withSender(to: address) { sender in
                for number in 1...count { try await sender.send(Message(body: number)) }
            }
        }
    }

    // MARK: AsyncClient.md

    @Test func whatWasAcceptedGoesOut() async throws {
        try await withBroker { broker in
            try await Self.send(5, to: "jobs", of: broker)
            let (stop, continuation) = AsyncStream.makeStream(of: Void.self)
            let watch = Task {
                try await broker.wait { $0.messages == 0 }
                continuation.finish()
            }
            try await AsyncClientSnippets.Stop().run(AMQPClient(broker.address), until: stop)
            try await watch.value
        }
    }

    @Test func piecesOfABodyCome() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let snippet = AsyncClientSnippets.SendAndReceiveLargeBodies()
                let pieces: [[UInt8]] = [Array(repeating: 1, count: 300_000), [2], [3, 4]]
                let (chunks, continuation) = AsyncStream.makeStream(of: [UInt8].self)
                for piece in pieces { continuation.yield(piece) }
                continuation.finish()
                let received = Mutex<[UInt8]>([])
                let work = Task {
                    try await snippet.download(by: connection) { piece in received.withLock { $0 += piece } }
                }
                try await snippet.upload(chunks, by: connection)
                try await broker.wait { $0.queue("uploads")?.removed == 1 }
                work.cancel()
                try await work.value
                #expect(received.withLock { $0 } == pieces.flatMap { $0 })
            }
        }
    }

    // MARK: DeliveryGuarantees.md

    @Test func aHandlerSendsUntilAllIsAccepted() async throws {
        try await withBroker { broker in
            let url = "\(broker.address)/orders"
            let messages = (1...100).map { Message(id: MessageID($0), body: $0) }
            try await onThread {
                try Container(DeliveryGuaranteesSnippets.SendUntilAMessageIsAccepted2.Send(url, messages)).run()
            }
            try await broker.wait { $0.queue("orders")?.waiting == 100 }
        }
    }

    @Test func workThatFailsComesAgain() async throws {
        try await withBroker { broker in
            try await Self.send(2, to: "orders", of: broker)
            try await AMQPClient(broker.address).withConnection { connection in
                let receiver = connection.receiver(from: "orders")
                let tries = Mutex<[UInt32]>([])
                try await DeliveryGuaranteesSnippets.ReceiveWithoutLosingAMessage().work(on: receiver) { message in
                    tries.withLock { $0.append(message.deliveryCount) }
                    if tries.withLock({ $0.count }) == 3 { receiver.finish() }
                    if message.deliveryCount == 0, message.body.value.intValue == 1 { throw CancellationError() }
                }
                #expect(tries.withLock { $0 }.sorted() == [0, 0, 1])
            }
        }
    }

    @Test func duplicatesAreRecognized() {
        var seen = DeliveryGuaranteesSnippets.RecognizeDuplicates.SeenMessages()
        let ids: [MessageID?] = [1, 1, nil, nil]
        let areNew = ids.map { seen.isNew(Message(id: $0, body: "a")) }
        #expect(areNew == [true, false, true, true])
        // More than 10,000: the oldest is forgotten.
        let others = (2...10_001).filter { seen.isNew(Message(id: MessageID($0))) }
        let isNewAgain = seen.isNew(Message(id: 1))
        #expect(others.count == 10_000 && isNewAgain)
    }

    @Test func jobsAndResultsGoTogether() async throws {
        try await withBroker { broker in
            try await Self.send(3, to: "jobs", of: broker)
            try await AMQPClient(broker.address).withConnection { connection in
                let work = Task { try await DeliveryGuaranteesSnippets.UseATransaction().handleJobs(connection) }
                try await broker.wait { $0.queue("results")?.waiting == 3 && $0.queue("jobs")?.unsettled == 0 }
                work.cancel()
                try await work.value
            }
        }
    }

    // MARK: FlowControl.md

    @Test func aHandlerHasNoMoreThanTwenty() async throws {
        try await withBroker { broker in
            try await Self.send(65, to: "log", of: broker)
            let handler = FlowControlSnippets.ReceiveNoFasterThanYouWorkWithAHandler.Archive("\(broker.address)/log")
            let thread = try ContainerThread(Container(handler))
            // 60 are written, and the batch with the other five is not full.
            try await broker.wait { $0.queue("log")?.removed == 60 && $0.queue("log")?.unsettled == 5 }
            thread.container.stop()
            try await onThread { try thread.wait(timeout: .seconds(20)) }
        }
    }

    @Test func fourTasksShareAReceiver() async throws {
        try await withBroker { broker in
            try await Self.send(40, to: "jobs", of: broker)
            try await AMQPClient(broker.address).withConnection { connection in
                let receiver = connection.receiver(from: "jobs", window: 8)
                let done = Mutex(0)
                try await FlowControlSnippets.ReceiveNoFasterThanYouWorkWithAsyncAwait2().work(receiver) { _ in
                    let count = done.withLock { done in
                        done += 1
                        return done
                    }
                    if count == 40 { receiver.finish() }
                }
                #expect(done.withLock { $0 } == 40)
            }
            try await broker.wait { $0.messages == 0 }
        }
    }

    @Test func takesWhatIsThereAndNoMore() async throws {
        try await withBroker { broker in
            try await Self.send(5, to: "jobs", of: broker)
            try await AMQPClient(broker.address).withConnection { connection in
                let snippet = FlowControlSnippets.AskForMessagesOneAtATime()
                let counts = [
                    try await snippet.takeWhatIsThere(connection, atMost: 3).count,
                    try await snippet.takeWhatIsThere(connection, atMost: 10).count,
                    try await snippet.takeWhatIsThere(connection, atMost: 10).count,
                ]
                #expect(counts == [3, 2, 0])
            }
        }
    }

    // MARK: BackgroundSending.md

    @Test func anOutboxSendsForAnyThread() async throws {
        try await withBroker { broker in
            let outbox = BackgroundSendingSnippets.SendFromAHandlersContainer.Outbox()
            #expect(outbox.send(Message(body: "before there is a connection")))
            let thread = try BackgroundSendingSnippets.SendFromAHandlersContainer()
                .startOutbox(outbox, "\(broker.address)/events")
            try await broker.wait { $0.queue("events")?.waiting == 1 }
            for number in 1...100 { #expect(outbox.send(Message(body: number))) }
            try await broker.wait { $0.queue("events")?.waiting == 101 }
            thread.container.stop()
            try await onThread { try thread.wait(timeout: .seconds(20)) }
        }
    }

    @Test func aPublisherSendsNowAndLater() async throws {
        try await withBroker { broker in
            let publisher = try await BackgroundSendingSnippets.KeepOneSenderForTheWholeProgram
                .Publisher(broker.address, to: "events")
            try await publisher.publish("now")
            let hasRoom = try publisher.publishLater("later")
            #expect(hasRoom)
            try await broker.wait { $0.queue("events")?.waiting == 2 }
            await publisher.close()
        }
    }

    @Test func aStreamIsSentToItsEnd() async throws {
        try await withBroker { broker in
            let snippet = BackgroundSendingSnippets.SendFromAQueueOfTheProgramsOwn()
            for reading in [20.5, 21, 21.5] { snippet.readings.continuation.yield(reading) }
            snippet.readings.continuation.finish()
            try await snippet.publishReadings(to: broker.address, snippet.readings.stream)
            try await broker.wait { $0.queue("readings")?.waiting == 3 }
        }
    }

    // MARK: Requests.md, Observability.md, Performance.md, Threads.md

    @Test func requestsAreAnswered() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                let server = Task { try await RequestsSnippets.AnswerRequests().answer(on: connection) }
                let price = try await RequestsSnippets.SendARequest().price(of: "tea", by: connection)
                #expect(price == "3")
                let refusal = try await connection.request(Message(body: 1), to: "prices")
                #expect(refusal.subject == "error")
                server.cancel()
                try await server.value
            }
        }
    }

    #if ServiceLifecycle && Tracing
    @Test func whatHasComeIsFinished() async throws {
        try await withBroker { broker in
            try await Self.send(10, to: "jobs", of: broker)
            try await ObservabilitySnippets.EndGracefully().run(AMQPClient(broker.address)) {
                _ = try? await broker.wait { $0.messages == 0 && $0.queue("jobs")?.removed == 10 }
            }
            #expect(broker.status.messages == 0)
        }
    }
    #endif

    @Test func manyAreSentAndReceivedInBatches() async throws {
        try await withBroker { broker in
            try await AMQPClient(broker.address).withConnection { connection in
                try await connection.withSender(to: "readings") { sender in
                    let messages = (1...1_200).map { Message(body: $0) }
                    try await PerformanceSnippets.DoNotWaitForEachMessage().sendAll(messages, by: sender)
                }
                let received = Mutex(0)
                let work = Task {
                    try await PerformanceSnippets.ReceiveInBatches().receiveBatches(connection) { batch in
                        received.withLock { $0 += batch.count }
                    }
                }
                try await broker.wait { $0.messages == 0 }
                work.cancel()
                try await work.value
                #expect(received.withLock { $0 } == 1_200)
            }
        }
    }

    @Test func anActorIsOnItsConnectionsThread() async throws {
        try await withBroker { broker in
            let thread = try ContainerThread(Container())
            let (statistics, continuation) = AsyncStream.makeStream(
                of: ThreadsSnippets.IsolateAnActorToAConnection.Statistics.self)
            try thread.container.execute { container in
                let workQueue = try container.connect(broker.address).workQueue
                let statistics = ThreadsSnippets.IsolateAnActorToAConnection.Statistics(workQueue)
                workQueue.add { _ in
                    ThreadsSnippets.IsolateAnActorToAConnection().count(in: statistics)
                    continuation.yield(statistics)
                }
            }
            let total = await statistics.first { _ in true }?.total()
            #expect(total == 1)
            thread.container.stop()
            try await onThread { try thread.wait(timeout: .seconds(20)) }
        }
    }
}
