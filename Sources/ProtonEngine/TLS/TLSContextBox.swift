// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import ProtonUtilities

/// Options from which a TLS context is made.
protocol TLSContextOptions: Sendable, Hashable {
    /// The files that the options name.
    var paths: [String] { get }
    /// The last context that was made from the options.
    var contexts: TLSContextBox<Self> { get set }
    /// Reads the files, and makes a context.
    func makeContext() throws(ProtonError) -> TLSContext
}

/// The last context made from options. All copies of the options share it, and it is made again when one of their files changes.
///
/// All boxes are equal for `==` and hashes, because the box is not part of the options' value.
final class TLSContextBox<Options: TLSContextOptions>: Sendable, Hashable {
    private struct Entry {
        var options: Options
        /// The identities of the files when they were last read, with or without success.
        var files: [FileIdentity?]
        var context: TLSContext
    }

    private let entry = UncheckedMutex<Entry?>(nil)

    static func == (one: TLSContextBox, other: TLSContextBox) -> Bool { true }
    func hash(into hasher: inout Hasher) {}

    /// Returns the current context.
    /// - Returns: the context, and the error if changed files could not be used, once for each change.
    /// - Throws: `ProtonError.Code.invalidArgument` if there is no context yet and none can be made.
    func current(for options: Options) throws(ProtonError) -> (context: TLSContext, failure: ProtonError?) {
        let files = options.paths.map(FileIdentity.init)
        return try entry.withLock { entry throws(ProtonError) in
            guard let old = entry, old.options == options else {
                let context = try options.makeContext()
                // With another box, because the options and this box would otherwise reference each other.
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

/// The identity of a file, which differs after a change.
struct FileIdentity: Equatable {
    private let (device, inode, size): (UInt, UInt, Int)
    private let (seconds, nanoseconds): (Int, Int)

    /// Nil if there is no such file.
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
