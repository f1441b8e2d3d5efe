// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine
import ProtonUtilities

/// What of a container its connections need: its name, its options and its loop.
///
/// It outlives the `Container`, which is what the program holds: a connection that is kept longer still has it.
final class ContainerCore: Sendable {
    let id: String
    /// Whether the program has chosen the id.
    let isNamed: Bool
    let options: ConnectionOptions
    let logger: Logger
    let loop: Loop
    private let linkCount = UncheckedMutex(0)
    private let handle = UncheckedMutex(Handle())

    private struct Handle {
        weak var container: Container?
    }

    /// - Parameter id: nil makes a random one.
    init(id: String?, options: ConnectionOptions, logger: Logger, loop: Loop) {
        self.id = id ?? AMQPUUID.random().description
        isNamed = id != nil
        self.options = options
        self.logger = logger
        self.loop = loop
    }

    /// The program's container; nil once that is gone.
    var existingContainer: Container? { handle.withLock { $0.container } }

    /// The program's container; once that is gone, one that has ended.
    var container: Container { existingContainer ?? Container(ended: self) }

    func bind(_ container: Container) {
        handle.withLock { $0.container = container }
    }

    /// A name that no other link of this container has.
    func uniqueLinkName(for address: String?) -> String {
        let number = linkCount.withLock { count in
            count += 1
            return count
        }
        return ([id, "\(number)"] + [address].compactMap { $0 }).joined(separator: "-")
    }
}
