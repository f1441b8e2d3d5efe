// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Glibc

/// The file that a path names: it becomes another one where the file is moved, deleted or replaced.
struct FileIdentity: Equatable {
    private let device: UInt64
    private let inode: UInt64

    /// Finds the file at a path; nil where there is none.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
    }
}

#endif
