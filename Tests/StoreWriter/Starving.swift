// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Glibc
import Proton
import ProtonBroker
import ProtonBrokerStore
import ProtonUtilities

/// Adds messages while the disk has no room for them, then makes room, or closes the store.
func starve(_ path: String, _ cause: String, _ end: String) throws {
    let store = try SQLiteStore(path)
    let reports = Monitor<[StoreReport]>([])
    try store.start { report in
        switch report {
        case .written(let number): printLine("written \(number)")
        case .failing(let reason): printLine("failing \(reason)")
        case .recovered: printLine("recovered")
        }
        reports.withLock { $0.append(report) }
    }
    func waits(_ isRight: (StoreReport) -> Bool) -> Bool {
        reports.wait(until: Deadline(after: .seconds(20))) { $0.contains(where: isRight) ? () : nil } != nil
    }
    let ballast = path + ".ballast"
    if cause == "limit" { setFileLimit(200_000) } else { try fillDisk(ballast, except: 200_000) }
    _ = store.write(.makeQueue(StoredQueue(id: 1, address: "queue")))
    let bytes = [UInt8](repeating: 1, count: 10_000)
    for place in UInt64(0)..<100 {
        let message = StoredMessage(queue: 1, place: place, arrival: Timestamp(milliseconds: 0), bytes: bytes)
        let number = store.write(.add(message))
        let isNext = waits { report in
            switch report {
            case .failing: true
            case .written(let last): last >= number
            case .recovered: false
            }
        }
        guard isNext else { throw ProtonError(.timedOut, "The store reports nothing.") }
    }
    guard waits({ if case .failing = $0 { true } else { false } }) else {
        throw ProtonError(.timedOut, "The store does not fail.")
    }
    if end == "recover" {
        if cause == "limit" { setFileLimit(nil) } else { unlink(ballast) }
        guard waits({ $0 == .written(upTo: 101) }) else {
            throw ProtonError(.timedOut, "The store does not recover.")
        }
    }
    do { try store.close() } catch { printLine("\(error)") }
    setFileLimit(nil)
    unlink(ballast)
    var count = 0
    let again = try SQLiteStore(path)
    try again.recover { if case .message = $0 { count += 1 } }
    printLine("holds \(count)")
    try again.close()
}

/// Sets how large the files may become that this process writes.
func setFileLimit(_ bytes: Int?) {
    var limits = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits)
    limits.rlim_cur = bytes.map { rlim_t($0) } ?? limits.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits)
}

/// Writes a file until its disk has no more than some room.
func fillDisk(_ path: String, except room: Int) throws {
    let file = Glibc.open(path, O_WRONLY | O_CREAT, 0o600)
    defer { close(file) }
    let block = [UInt8](repeating: 0, count: 4_096)
    var length = 0
    while Glibc.write(file, block, block.count) == block.count { length += block.count }
    guard length > room, ftruncate(file, length - room) == 0 else {
        throw ProtonError(.invalidArgument, "The disk has too little room.")
    }
}

func printLine(_ line: String) {
    var bytes = Array("\(line)\n".utf8)
    Glibc.write(STDOUT_FILENO, &bytes, bytes.count)
}

#endif
