// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Testing

/// The memory that a store takes.
struct MemoryTests {
    /// A file's messages, and the most bytes of memory that a program has had while it opened and read the file.
    private func recover(_ count: Int, bytes: Int) throws -> (messages: Int, peak: Int) {
        let folder = try Folder()
        let filling = try StoreProgram("fill", folder.file(), "\(count)", "\(bytes)")
        filling.read(atMost: .seconds(50))
        let recovering = try StoreProgram("recover", folder.file())
        recovering.read(atMost: .seconds(50))
        let numbers = (recovering.lines.first ?? "").split(separator: " ").prefix(2).compactMap { Int($0) }
        try #require(numbers.count == 2, "\(filling.lines) \(recovering.lines)")
        return (numbers[0], numbers[1])
    }

    @Test(.timeLimit(.minutes(3))) func aLargeFileIsNotReadIntoMemory() throws {
        let small = try recover(10, bytes: 5_000)
        let large = try recover(12_800, bytes: 5_000)
        #expect(small.messages == 10 && large.messages == 12_800)
        // The file has 64 MB; SQLite's cache has 2 MB.
        #expect(large.peak - small.peak < 10_000_000, "\(small) \(large)")
    }
}

#endif
