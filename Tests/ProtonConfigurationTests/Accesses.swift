// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

import Configuration
import Synchronization

/// The keys whose values were read as secrets.
final class Accesses: AccessReporter {
    private let keys = Mutex<Set<String>>([])

    var secrets: [String] { keys.withLock { $0.sorted() } }

    func report(_ event: AccessEvent) {
        guard case .success(let value?) = event.result, value.isSecret else { return }
        keys.withLock { _ = $0.insert(event.metadata.key.description) }
    }
}

#endif
