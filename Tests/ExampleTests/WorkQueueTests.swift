// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The program `work_queue`: jobs with retries, back-off and dead letters.
@Suite(.serialized)
struct WorkQueueTests {
    private static func add(_ programs: Programs, _ url: String, _ name: String, _ options: String...) async throws {
        let record = try await programs.startIntegration("work_queue", ["add", name, "-a", url] + options).waitForEnd()
        #expect(record.outputText == "added: \(name)\n" && record.errorText == "" && record.ending == .exited(0))
    }

    @Test("Jobs that fail are tried again later and later, and are put aside in the end")
    func retries() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/jobs"
            try await Self.add(programs, url, "good")
            try await Self.add(programs, url, "shaky", "--fails", "2")
            try await Self.add(programs, url, "hopeless", "--fails", "9")
            let work = try programs.startIntegration(
                "work_queue",
                ["work", "-a", url, "--tries", "5", "--first-delay", "0.05", "--max-delay", "0.2"])
            // One of the first job, three of the second, five of the third.
            try await work.waitForLines(9)
            work.send(SIGTERM)
            let record = try await work.waitForEnd()
            #expect(record.ending == .exited(0))
            let lines = record.outputText.split(separator: "\n").map(String.init)
            #expect(lines.filter { $0.contains("good") } == ["done: good, try 1"])
            #expect(
                lines.filter { $0.contains("shaky") } == [
                    "failed: shaky, try 1, again in 0.05 seconds", "failed: shaky, try 2, again in 0.1 seconds",
                    "done: shaky, try 3",
                ])
            #expect(
                lines.filter { $0.contains("hopeless") } == [
                    "failed: hopeless, try 1, again in 0.05 seconds", "failed: hopeless, try 2, again in 0.1 seconds",
                    "failed: hopeless, try 3, again in 0.2 seconds", "failed: hopeless, try 4, again in 0.2 seconds",
                    "given up: hopeless, try 5",
                ])
            // What was put aside says why, and nothing is left in the queue.
            let script = """
                import sys
                from proton.utils import BlockingConnection
                connection = BlockingConnection(sys.argv[1], timeout=30)
                message = connection.create_receiver("jobs.dead").receive(timeout=30)
                print(message.body, int(message.properties["tries"]), message.properties["reason"], message.durable)
                receiver = connection.create_receiver("jobs", credit=10)
                try: print(receiver.receive(timeout=1).body)
                except Exception as error: print(type(error).__name__)
                """
            #expect(try await programs.runPython(script, address) == "hopeless 5 This was try 5. True\nTimeout\n")
        }
    }

    @Test("A job with a delay waits in the broker, and others go first")
    func delay() async throws {
        try await withPrograms { programs in
            let (_, address) = try await programs.startBroker(.swift)
            let url = "\(address)/jobs"
            try await Self.add(programs, url, "later", "--delay", "1.5")
            try await Self.add(programs, url, "now")
            let work = try programs.startIntegration("work_queue", ["work", "-a", url, "--jobs", "1"])
            try await work.waitForLines(2)
            work.send(SIGINT)
            #expect(try await work.waitForEnd().outputText == "done: now, try 1\ndone: later, try 1\n")
        }
    }
}
