// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

extension ConnectionOptions {
    /// For tests of what comes of one connection: it is not made again.
    static let once = ConnectionOptions(reconnect: nil)
    /// For tests of connections that are made again: soon, and several times.
    static let quick = ConnectionOptions(
        reconnect: Backoff(initial: .milliseconds(5), max: .milliseconds(20), maxTries: 20))
}
