// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonUtilities

/// Options that a context of TLS is made of.
protocol TLSContextOptions: Sendable, Hashable {
    /// The files that are read for it.
    var paths: [String] { get }
    /// The context that was made of them last.
    var contexts: TLSContextBox<Self> { get set }
    /// Reads the files, and makes a context.
    func makeContext() throws(ProtonError) -> TLSContext
}

/// The context that was made of options last, shared by all copies of these, and made again when a file of theirs changes.
///
/// For `==` and hashes every box is the same: it is no part of the options' value.
final class TLSContextBox<Options: TLSContextOptions>: Sendable, Hashable {
    private struct Entry {
        var options: Options
        /// What the files were when they were read last, with success or not.
        var files: [FileIdentity?]
        var context: TLSContext
    }

    private let entry = UncheckedMutex<Entry?>(nil)

    static func == (one: TLSContextBox, other: TLSContextBox) -> Bool { true }
    func hash(into hasher: inout Hasher) {}

    /// The context to use now.
    /// - Returns: it, and why files that have changed could not be used: told once for each change.
    /// - Throws: `ProtonError.Code.invalidArgument` where there is none yet and none can be made.
    func current(for options: Options) throws(ProtonError) -> (context: TLSContext, failure: ProtonError?) {
        let files = options.paths.map(FileIdentity.init)
        return try entry.withLock { entry throws(ProtonError) in
            guard let old = entry, old.options == options else {
                let context = try options.makeContext()
                // With a box of their own: they would keep this one, and this one them.
                var kept = options
                kept.contexts = TLSContextBox()
                entry = Entry(options: kept, files: files, context: context)
                return (context, nil)
            }
            guard files != old.files else { return (old.context, nil) }
            entry?.files = files
            do throws(ProtonError) {
                let context = try options.makeContext()
                entry?.context = context
                return (context, nil)
            } catch {
                return (old.context, error)
            }
        }
    }
}

/// What tells whether a file has changed.
struct FileIdentity: Equatable {
    private let (device, inode, size): (UInt, UInt, Int)
    private let (seconds, nanoseconds): (Int, Int)

    /// Nil where there is no such file.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode, size) = (UInt(status.st_dev), UInt(status.st_ino), Int(status.st_size))
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
}

extension TLSClientOptions: TLSContextOptions {
    var paths: [String] { trust.paths + (certificate?.paths ?? []) }

    func makeContext() throws(ProtonError) -> TLSContext { try TLSContext(self) }
}

extension TLSServerOptions: TLSContextOptions {
    var paths: [String] { certificate.paths + (clientTrust?.paths ?? []) }

    func makeContext() throws(ProtonError) -> TLSContext { try TLSContext(self) }
}

extension FileIdentity {
    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
