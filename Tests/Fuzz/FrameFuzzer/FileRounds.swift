// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Rounds of files of settings that are nearly right: the broker program reads them, or says in words what is wrong.
enum FileRounds {
    private static let texts = [
        #"{"address": ["127.0.0.1:0"], "threads": 2, "log-level": "debug", "queue": ["orders", {"address": "audit", "#
            + #""exclusive": true, "messages": 1000}], "on-demand-queues": false, "heartbeat": 30, "queue-bytes": "64MiB"}"#,
        #"{"queue": ["a,messages=5,bytes=1KiB,when-full=reject,max-deliveries=5,dead-letter=bad"], "topic": ["t/*/#"]}"#,
        #"{"max-queues": 10, "max-bytes": "1GiB", "credit": 1, /* some */ "stop-grace": 0.5, "redelivery-delay": "1s"}"#,
    ]

    static func run(_ seed: UInt64) throws {
        var random = Random(seed: seed)
        var bytes = Array(texts[random.below(texts.count)].utf8)
        for _ in 0..<random.below(5) where !bytes.isEmpty {
            let place = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes.remove(at: place)
            case 1: bytes[place] = UInt8(random.below(256))
            case 2:
                bytes.insert(
                    contentsOf: Array(random.pick("-", "e999", "{", "[", "null", "\"", "9", "\\u0000").utf8), at: place)
            case 3: bytes.removeLast(bytes.count - place)
            default: bytes += bytes[place...].prefix(50)
            }
        }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("frame_fuzzer-\(getpid()).json")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let program = try Program("broker", ["127.0.0.1:0", "--config", file.path, "--stop-grace", "0"])
        let end = ContinuousClock.now + .seconds(10)
        while program.ending == nil, !program.output.contains("listening") {
            guard ContinuousClock.now < end else { throw Finding("neither listens nor ends: \(program.output)") }
            usleep(2_000)
        }
        program.end()
        switch program.ending {
        case .killed(let signal) where signal != SIGTERM:
            throw Finding("killed by signal \(signal): \(String(decoding: bytes, as: UTF8.self)): \(program.output)")
        case .exited(let status) where status != 0 && program.output.isEmpty:
            throw Finding("ended with \(status) without a word: \(String(decoding: bytes, as: UTF8.self))")
        default: return
        }
    }
}
