// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton

/// Measures how many messages a broker takes and hands out, and how long they are on their way.
struct BenchCommand: AsyncParsableCommand {
    enum Output: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure throughput and latency of a broker.",
        discussion: """
            Senders send to an address, each message waits for its outcome, and receivers take the messages away again. The \
            latency is the time from when a message was to be sent until a receiver had it. Without --rate senders are as \
            fast as they can be: messages then wait in the queue, and the latency is mostly that wait. To learn the latency \
            of a load, give its --rate. With a rate, a message that is sent late counts from when it was due.

            While it runs, a line is shown on standard error, where that is a terminal. The result is on standard output.

            Use an address that nobody else uses: receivers take all messages away. On RabbitMQ 4 declare a queue before \
            that: amqp manage declare bench.

            EXAMPLES:
              amqp bench                                           100,000 messages of 100 bytes, one sender, one receiver
              amqp bench --time 30s --senders 4 --receivers 4 --connections 4 --size 1000
              amqp bench --time 10s --rate 5000 --output json
              amqp bench --receivers 0                             fill a queue
              amqp bench --senders 0                               empty it
            """)

    @Argument(help: "The address to send to, and to receive from.")
    var address = "bench"

    @Option(help: ArgumentHelp("How many messages. (default: 100000)", valueName: "count"))
    var count: Int?

    @Option(help: ArgumentHelp("How long to send, in place of --count.", valueName: "time"))
    var time: TimeSpan?

    @Option(help: ArgumentHelp("The size of a message's body, 16 or more.", valueName: "bytes"))
    var size = 100

    @Option(help: ArgumentHelp("Connections, over which senders and receivers are spread.", valueName: "count"))
    var connections = 1

    @Option(help: ArgumentHelp("Senders at the same time.", valueName: "count"))
    var senders = 1

    @Option(help: ArgumentHelp("Receivers at the same time.", valueName: "count"))
    var receivers = 1

    @Option(help: ArgumentHelp("Messages a second, of all senders together.", valueName: "count"))
    var rate: Double?

    @Option(help: ArgumentHelp("How many messages a sender has without an outcome at most.", valueName: "count"))
    var unsettled = 1_000

    @Flag(help: "The broker keeps the messages on its disk.")
    var durable = false

    @Option(name: .shortAndLong, help: "How the result is written: text, json.")
    var output = Output.text

    @OptionGroup(title: "Connection Options") var connection: ConnectionArguments

    func validate() throws {
        func check(_ isRight: Bool, _ message: String) throws {
            if !isRight { throw ValidationError(message) }
        }
        try check(count == nil || time == nil, "Give one of --count and --time.")
        try check(count.map { $0 >= 1 } ?? true, "--count is 1 or more.")
        try check(
            (BenchStamp.size...(16 << 20)).contains(size), "--size is from \(BenchStamp.size) to \(16 << 20) bytes.")
        try check((1...100).contains(connections), "--connections is from 1 to 100.")
        try check((0...1_000).contains(senders), "--senders is from 0 to 1000.")
        try check((0...1_000).contains(receivers), "--receivers is from 0 to 1000.")
        try check(senders + receivers > 0, "There is nothing to measure without senders and receivers.")
        try check(rate.map { $0 > 0 && $0 <= 10_000_000 } ?? true, "--rate is above 0, up to 10000000.")
        try check((1...1_000_000).contains(unsettled), "--unsettled is from 1 to 1000000.")
    }

    func run() async throws {
        let settings = try connection.resolve()
        let plan = BenchPlan(
            address: settings.address(address),
            extent: time.map { .time($0.duration) } ?? .messages(count ?? 100_000), size: size,
            connections: connections, senders: senders, receivers: receivers, rate: rate, unsettled: unsettled,
            isDurable: durable)
        let (behavior, writesJSON) = (connection.behavior, output == .json)
        try await untilStopped { try await measure(plan, settings, behavior, writesJSON) }
    }
}

private func measure(
    _ plan: BenchPlan, _ settings: BrokerSettings, _ behavior: ConnectionBehavior, _ writesJSON: Bool
) async throws {
    var opened: [AMQPConnection] = []
    do {
        for _ in 0..<plan.connections {
            opened.append(try await BrokerConnection.open(settings, behavior).connection)
        }
        let run = BenchRun(plan)
        let start = ContinuousClock.now
        let progress = StandardError.isTerminal ? Task { await showProgress(of: run) } : nil
        // What a person stops is told as far as it came.
        let result: Result<Void, any Error>
        do { result = .success(try await run.run(over: opened)) } catch { result = .failure(error) }
        progress?.cancel()
        await progress?.value
        let (counts, end) = (run.current, ContinuousClock.now)
        let report = BenchReport(
            plan, counts, sending: seconds(start, counts.sendersEnded ?? end), seconds: seconds(start, end))
        if counts.accepted + counts.received + counts.refused > 0 {
            try StandardOutput.writeLine(writesJSON ? try report.json : report.text)
        }
        try result.get()
        try Task.checkCancellation()
        if counts.refused > 0 {
            throw ToolError(.refused, "\(counts.refused) messages were refused: \(counts.reason ?? "")")
        }
        if plan.senders > 0, plan.receivers > 0, counts.received < counts.accepted {
            throw ToolError(
                .timedOut,
                "\(counts.accepted - counts.received) messages were accepted and have not come: does somebody else receive them?"
            )
        }
    } catch {
        for connection in opened { await connection.close() }
        throw error
    }
    for connection in opened { await connection.close() }
}

private func seconds(_ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant) -> Double {
    Double(BenchStamp.nanoseconds(start.duration(to: end))) / 1_000_000_000
}

/// Shows a line each second, until the task is cancelled.
private func showProgress(of run: BenchRun) async {
    var last = (counts: run.current, time: ContinuousClock.now)
    while (try? await Task.sleep(for: .seconds(1))) != nil {
        let (counts, now) = (run.current, ContinuousClock.now)
        let time = max(seconds(last.time, now), 0.001)
        func rate(_ part: KeyPath<BenchRun.Counts, Int>) -> String {
            BenchReport.grouped(Int(Double(counts[keyPath: part] - last.counts[keyPath: part]) / time))
        }
        var line = "sent \(rate(\.accepted))/s  received \(rate(\.received))/s"
        if let p50 = counts.latency.percentile(0.5), let p99 = counts.latency.percentile(0.99) {
            line +=
                "  p50 \(BenchReport.milliseconds(Double(p50) / 1e6))  p99 \(BenchReport.milliseconds(Double(p99) / 1e6))"
        }
        StandardError.writeBare("\r\u{1b}[K\(line)")
        last = (counts, now)
    }
    StandardError.writeBare("\r\u{1b}[K")
}
