// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What the process takes of the machine, by the names that Prometheus's own clients have.
struct ProcessFigures {
    /// In seconds, of all threads.
    var cpuTime: Double
    var residentBytes: Int?
    var openFiles: Int?
    /// How many files it may have open.
    var maxFiles: UInt64?

    /// Reads those of this process; those that the system does not tell are missing.
    static func read() -> ProcessFigures {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        var limit = rlimit()
        let hasLimit = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        return ProcessFigures(
            cpuTime: seconds(usage.ru_utime) + seconds(usage.ru_stime), residentBytes: readResidentBytes(),
            openFiles: countOpenFiles(), maxFiles: hasLimit ? UInt64(limit.rlim_cur) : nil)
    }

    /// Adds them as metrics.
    func add(to text: inout PrometheusText) {
        text.add(
            "process_cpu_seconds_total", .counter, "Processor time of the process, in seconds.",
            [PrometheusText.Sample(cpuTime)])
        if let residentBytes {
            text.add("process_resident_memory_bytes", .gauge, "Memory of the process, in bytes.", residentBytes)
        }
        if let openFiles {
            text.add("process_open_fds", .gauge, "Files and sockets that are open.", openFiles)
        }
        if let maxFiles {
            text.add("process_max_fds", .gauge, "Files and sockets that may be open.", maxFiles)
        }
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    /// The second number of `/proc/self/statm`, proc(5), in pages.
    private static func readResidentBytes() -> Int? {
        let descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let numbers = buffer[..<count].split(separator: UInt8(ascii: " "))
        guard numbers.count > 1, let pages = Int(String(decoding: numbers[1], as: UTF8.self)) else { return nil }
        return pages.multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE))).partialValue
    }

    private static func countOpenFiles() -> Int? {
        guard let directory = opendir("/proc/self/fd") else { return nil }
        defer { closedir(directory) }
        var count = 0
        while let entry = readdir(directory) {
            // Neither . nor .. is one.
            if entry.pointee.d_name.0 != CChar(UInt8(ascii: ".")) { count += 1 }
        }
        // Without that of the directory.
        return count - 1
    }
}
