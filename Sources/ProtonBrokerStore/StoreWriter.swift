// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if DurableBroker

import Logging
import Proton
import ProtonBroker
import ProtonUtilities

/// The writing thread of a store: all groups that come while one transaction goes to the disk are the next transaction.
final class StoreWriter: Sendable {
    let intake = Monitor(StoreIntake())
    private let file: StoreFile
    private let logger: Logger

    /// How long no group arrives before room in the file is given back.
    private static let idlePause = Duration.seconds(1)

    init(_ file: StoreFile, _ logger: Logger) {
        self.file = file
        self.logger = logger
    }

    /// Writes until the store is closed, and closes the file.
    func run() {
        FileSizeSignal.block()
        var health = StoreHealth.working
        // When to give room back; nil where there is none to give.
        var pause: Duration?
        while true {
            switch intake.wait(until: Deadline(after: pause), { $0.next() }) {
            case .write(let batch, let number):
                let isLastTry = intake.withLock { $0.isClosing }
                do throws(ProtonError) {
                    try file.write(batch)
                    if let report = health.noteSuccess() { tell(report) }
                    intake.withLock { $0.noteWritten(upTo: number) }?(.written(upTo: number))
                } catch {
                    if let report = health.noteFailure(error.message) { tell(report) }
                    let unwritten = intake.withLock { intake in
                        intake.noteFailure(batch)
                        return intake.unwritten
                    }
                    if isLastTry { return close(loss(of: unwritten, error)) }
                    _ = intake.wait(until: Deadline(after: health.pause)) { $0.isClosing ? () : nil }
                }
                pause = Self.idlePause
            case .close:
                return close(nil)
            case nil:
                pause = giveBackRoom() ? .zero : nil
            }
        }
    }

    private func tell(_ report: StoreReport) {
        switch report {
        case .failing(let reason): logger.error("\(reason) Nothing is durable meanwhile; the write is tried again.")
        case .recovered: logger.notice("The store \(file.path) can be written again.")
        case .written: break
        }
        intake.withLock { $0.report }?(report)
    }

    /// Gives some room in the file back to the system.
    /// - Returns: whether there is more to give.
    private func giveBackRoom() -> Bool {
        do {
            return try file.giveBackRoom()
        } catch {
            // Later changes use the room again.
            logger.debug("\(error)")
            return false
        }
    }

    private func loss(of changes: Int, _ error: ProtonError) -> ProtonError {
        ProtonError(
            .storeFailed, "\(error.message) It is closed without its last changes, which are lost: \(changes).",
            underlyingError: error.underlyingError)
    }

    private func close(_ error: ProtonError?) {
        var error = error
        do throws(ProtonError) {
            try file.close()
        } catch let failure {
            error = error ?? failure
        }
        intake.withLock { $0.end(error) }
    }
}

#endif
