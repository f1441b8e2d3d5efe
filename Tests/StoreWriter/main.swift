// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Glibc
import Logging
import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities

// What the store's tests start and kill:
//
//   store_writer write FILE SEED     changes a store by a script, and prints how many groups are durable, as they are
//   store_writer write FILE SEED failing
//                                    the same, while the disk fails now and then
//   store_writer starve FILE limit|disk recover|close
//                                    adds messages beyond what the process or the disk has room for, then makes room or
//                                    closes the store; prints the reports, and what the store holds then
//   store_writer serve FILE THREADS [PORT]
//                                    serves as a broker with a store, and prints the port that it listens on
//   store_writer fill FILE COUNT BYTES
//                                    adds messages of so many bytes to a queue, and prints how many a second were durable
//   store_writer recover FILE        reads a store, and prints its messages, its peak of memory in bytes, and the time
//   store_writer open FILE           opens a store as a user without rights, and prints what comes of that

func write(_ path: String, _ seed: UInt64, failing: Bool) throws {
    let store = try SQLiteStore(path, logger: Logger(label: "store") { _ in SwiftLogNoOpLogHandler() })
    var items: [StoredItem] = []
    try store.recover { items.append($0) }
    let written = Monitor(UInt64(0))
    try store.start { report in
        guard case .written(let number) = report else { return }
        printLine("\(number)")
        written.withLock { $0 = number }
    }
    var script = StoreScript(seed: seed, StoreModel(items))
    var random = SplitMix(state: seed)
    while true {
        if failing, random.next(below: 100) == 0 { setFileLimit(random.next(below: 100_000)) }
        let last = store.write(script.next())
        if waits(for: written, last, .milliseconds(20)) { continue }
        setFileLimit(nil)
        // The parent ends this long before.
        guard waits(for: written, last, .seconds(20)) else {
            throw ProtonError(.timedOut, "The store writes nothing for 20 seconds.")
        }
    }
}

/// Waits until no more groups wait for the disk than may.
func waits(for written: Monitor<UInt64>, _ last: UInt64, _ limit: Duration) -> Bool {
    written.wait(until: Deadline(after: limit)) { last < $0 + StoreScript.window ? () : nil } != nil
}

func serve(_ path: String, threads: Int, port: Int) throws {
    var options = BrokerOptions()
    options.store = try SQLiteStore(path)
    options.threads = threads
    let broker = try Broker("127.0.0.1:\(port)", options: options)
    try broker.run {
        print(broker.port)
        fflush(nil)
    }
}

func fill(_ path: String, count: UInt64, bytes: Int) throws {
    let store = try SQLiteStore(path)
    let durable = Monitor(UInt64(0))
    try store.start { report in
        if case .written(let number) = report { durable.withLock { $0 = number } }
    }
    let start = ContinuousClock.now
    _ = store.write(.makeQueue(StoredQueue(id: 1, address: "queue")))
    var last: UInt64 = 0
    for place in 0..<count {
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: place), count: bytes)
        last = store.write(
            .add(StoredMessage(queue: 1, place: place, arrival: Timestamp(milliseconds: 0), bytes: bytes)))
        // As many wait for the disk as senders with credit for them would have.
        _ = durable.wait(until: Deadline(after: .seconds(20))) { last < $0 + 10_000 ? () : nil }
    }
    _ = durable.wait(until: Deadline(after: .seconds(60))) { last <= $0 ? () : nil }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    try store.close()
    print("\(Int(Double(count) / seconds)) messages a second")
}

func recover(_ path: String) throws {
    let start = ContinuousClock.now
    let store = try SQLiteStore(path)
    let opened = ContinuousClock.now
    var count = 0
    try store.recover { if case .message = $0 { count += 1 } }
    let read = ContinuousClock.now
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    print(count, usage.ru_maxrss * 1_024, opened - start, read - opened)
    try store.close()
}

func open(_ path: String) throws {
    // Root may do everything; user 65534 is nobody.
    if geteuid() == 0, setegid(65_534) != 0 || seteuid(65_534) != 0 {
        throw ProtonError(.invalidArgument, "Cannot become nobody.")
    }
    try SQLiteStore(path).close()
    print("opened")
}

// As a shell would start it: the thread of a test may have signals blocked, which is inherited.
var none = sigset_t()
sigemptyset(&none)
pthread_sigmask(SIG_SETMASK, &none, nil)
signal(SIGXFSZ, SIG_DFL)

do {
    let arguments = CommandLine.arguments
    if arguments.count == 4 || arguments.count == 5, arguments[1] == "write", let seed = UInt64(arguments[3]) {
        try write(arguments[2], seed, failing: arguments.last == "failing")
    } else if arguments.count == 5, arguments[1] == "starve" {
        try starve(arguments[2], arguments[3], arguments[4])
    } else if arguments.count == 4 || arguments.count == 5, arguments[1] == "serve", let threads = Int(arguments[3]),
        let port = arguments.count == 4 ? 0 : Int(arguments[4])
    {
        try serve(arguments[2], threads: threads, port: port)
    } else if arguments.count == 5, arguments[1] == "fill", let count = UInt64(arguments[3]),
        let bytes = Int(arguments[4])
    {
        try fill(arguments[2], count: count, bytes: bytes)
    } else if arguments.count == 3, arguments[1] == "recover" {
        try recover(arguments[2])
    } else if arguments.count == 3, arguments[1] == "open" {
        try open(arguments[2])
    } else {
        throw ProtonError(
            .invalidArgument,
            """
            usage: store_writer write FILE SEED [failing] | starve FILE limit|disk recover|close | serve FILE THREADS [PORT] | fill FILE COUNT BYTES | recover FILE \
            | open FILE
            """)
    }
} catch {
    print("\(error)")
    exit(1)
}

#endif
