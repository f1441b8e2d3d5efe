// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
package import ProtonEngine

/// Reads small files, and replaces them atomically.
package enum FileReplacement {
    /// The content of a file; nil if it does not exist.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file.
    package static func read(_ path: String, maxSize: Int) throws(ProtonError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw failure(path, "cannot be read", errno)
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ProtonError(.invalidArgument, "\(path): is not a file.")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= maxSize {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, "cannot be read", errno) }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        throw ProtonError(.invalidArgument, "\(path): is longer than \(maxSize) bytes: is it another file?")
    }

    /// Writes a new file that only its owner may access, and replaces the existing file with it.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file.
    package static func write(_ bytes: [UInt8], to path: String) throws(ProtonError) {
        // Resolves a symbolic link, so that the link stays.
        let target = realpath(path, nil).map { resolved -> String in
            defer { free(resolved) }
            return String(cString: resolved)
        }
        let path = target ?? path
        var template = Array("\(path).XXXXXX".utf8CString)
        // mkstemp gives it the permissions 0600.
        let descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw failure(path, "cannot be written", errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        let code = fill(descriptor, bytes)
        close(descriptor)
        guard code == 0 else {
            unlink(template)
            throw failure(path, "cannot be written", code)
        }
        guard rename(template, path) == 0 else {
            let code = errno
            unlink(template)
            throw failure(path, "cannot be written", code)
        }
    }

    /// - Returns: the error's number, or 0.
    private static func fill(_ descriptor: Int32, _ bytes: [UInt8]) -> Int32 {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            rest = rest.dropFirst(count)
        }
        return fsync(descriptor) == 0 ? 0 : errno
    }

    /// Runs a change of the file while no other process changes it.
    /// - Throws: `ProtonError.Code.invalidArgument` if the lock cannot be acquired within 2 seconds.
    package static func withLock<Result>(on path: String, _ body: () throws -> Result) throws -> Result {
        let descriptor = open("\(path).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("\(path).lock", "cannot be made", errno) }
        defer { close(descriptor) }
        // A process that this one has just forked also holds the lock until it executes its program: no event reports that.
        let deadline = ContinuousClock.now + .seconds(2)
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK, ContinuousClock.now < deadline else {
                throw failure(path, "another program is changing it: try again", errno)
            }
            usleep(10_000)
        }
        return try body()
    }

    private static func failure(_ path: String, _ what: String, _ code: Int32) -> ProtonError {
        ProtonError(.invalidArgument, "\(path): \(what): \(String(cString: strerror(code))).")
    }
}

/// The version of a file, to detect changes.
struct FileVersion: Equatable {
    private let device: UInt
    private let inode: UInt
    private let size: Int
    private let seconds: Int
    private let nanoseconds: Int

    /// - Returns: nil if the file does not exist, or cannot be examined.
    init?(of path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}
