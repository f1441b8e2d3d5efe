// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Makes a folder of a test's own.
func temporaryFolder() throws -> String {
    let path = "\(NSTemporaryDirectory())/amqp-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
}
