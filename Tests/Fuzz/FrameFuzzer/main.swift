// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

// Random frames by seeds against the engine in memory, the broker program and client programs, and random files of
// settings for the broker; see scripts/fuzz.sh.
//
//   frame_fuzzer engine|broker|clients|files [--seconds n] [--seed n] [--rounds n]

import Glibc

/// What the command line says.
struct Options {
    var target = ""
    var seconds = 60
    var seed = UInt64.random(in: 0...1 << 40)
    var rounds = Int.max

    init?(_ arguments: [String]) {
        guard let target = arguments.first, arguments.count % 2 == 1 else { return nil }
        self.target = target
        for index in stride(from: 1, to: arguments.count, by: 2) {
            guard let number = UInt64(arguments[index + 1]) else { return nil }
            switch arguments[index] {
            case "--seconds": seconds = Int(clamping: number)
            case "--seed": seed = number
            case "--rounds": rounds = Int(clamping: number)
            default: return nil
            }
        }
    }
}

/// Runs rounds until the time is over. What ends the process is told by the line before, what throws by the one after.
func repeatRounds(_ options: Options, _ run: (UInt64) throws -> Void) throws -> Int {
    let end = ContinuousClock.now + .seconds(options.seconds)
    var seed = options.seed
    var count = 0
    while ContinuousClock.now < end, count < options.rounds {
        // One line, so that a signal leaves the seed behind.
        print("seed \(seed)")
        fflush(nil)
        do {
            try run(seed)
        } catch {
            throw Finding("\(options.target), seed \(seed): \(error)")
        }
        seed &+= 1
        count += 1
    }
    return count
}

signal(SIGPIPE, SIG_IGN)
guard let options = Options(Array(CommandLine.arguments.dropFirst())) else {
    print("usage: frame_fuzzer engine|broker|clients|files [--seconds n] [--seed n] [--rounds n]")
    exit(2)
}
do {
    switch options.target {
    case "engine":
        let count = try repeatRounds(options) { try EngineRounds.run($0) }
        print("engine: \(count) rounds without a finding")
    case "broker":
        var rounds = try BrokerRounds()
        let count = try repeatRounds(options) { try rounds.run($0) }
        print("broker: \(count) rounds without a finding; \(rounds.summary)")
        rounds.end()
    case "clients":
        var rounds = try ClientRounds()
        let count = try repeatRounds(options) { try rounds.run($0) }
        print("clients: \(count) rounds without a finding; \(rounds.summary)")
        rounds.end()
    case "files":
        let count = try repeatRounds(options) { try FileRounds.run($0) }
        print("files: \(count) rounds without a finding")
    default:
        print("frame_fuzzer: \(options.target) is none of engine, broker, clients and files")
        exit(2)
    }
} catch {
    print("FINDING: \(error)")
    exit(1)
}
