// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Foundation

/// A folder for the files of one test, which is gone with it.
final class Folder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/proton-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in it.
    func file(_ name: String = "store.sqlite") -> String { path + "/" + name }
}

#endif
