// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Logging
import ProtonEngine
import ProtonUtilities

/// The part of a container that its connections use: its name, its options and its loop.
///
/// It may outlive the program's `Container`: a connection that is kept longer still has it.
final class ContainerCore: Sendable {
    let id: String
    /// Whether the program chose the id.
    let isNamed: Bool
    let options: ConnectionOptions
    let logger: Logger
    let loop: Loop
    private let linkCount = UncheckedMutex(0)
    private let handle = UncheckedMutex(Handle())

    private struct Handle {
        weak var container: Container?
    }

    /// - Parameter id: nil generates a random one.
    init(id: String?, options: ConnectionOptions, logger: Logger, loop: Loop) {
        self.id = id ?? AMQPUUID.random().description
        isNamed = id != nil
        self.options = options
        self.logger = logger
        self.loop = loop
    }

    /// The program's container; nil after it was deinitialized.
    var existingContainer: Container? { handle.withLock { $0.container } }

    /// The program's container; after it was deinitialized, a substitute that has ended.
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
