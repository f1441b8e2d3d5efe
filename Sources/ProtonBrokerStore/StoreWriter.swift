import Logging
import Proton
import ProtonBroker
import ProtonUtilities

/// The thread of a store that writes: what comes while one transaction goes to the disk is the next one.
final class StoreWriter: Sendable {
    let intake = Monitor(StoreIntake())
    private let file: StoreFile
    private let logger: Logger

    /// How long a disk is left alone that has just failed.
    private static let retryPause = Duration.milliseconds(250)
    /// How many tries lie between two lines in the log that say the same: a minute's.
    private static let triesPerReport = 240
    /// How long nothing comes before room in the file is given back.
    private static let idlePause = Duration.seconds(1)

    init(_ file: StoreFile, _ logger: Logger) {
        self.file = file
        self.logger = logger
    }

    /// Writes until the store is closed, and closes the file.
    func run() {
        // When to give room back; nil where there is none to give.
        var pause: Duration?
        while true {
            switch intake.wait(until: Deadline(after: pause), { $0.next() }) {
            case .write(let changes, let last):
                if let error = write(changes, last) { return close(error) }
                pause = Self.idlePause
            case .close:
                return close(nil)
            case nil:
                pause = giveBackRoom() ? .zero : nil
            }
        }
    }

    /// Writes changes, and what comes while that fails, until it succeeds.
    /// - Returns: the error where the store is to be closed and the last try failed.
    private func write(_ changes: [StoreChange], _ last: UInt64) -> ProtonError? {
        var group = StoreGroup()
        group.append(changes)
        var last = last
        var failures = 0
        while true {
            let isLastTry = intake.withLock(\.isClosing)
            do throws(ProtonError) {
                try file.write(group)
                break
            } catch {
                report(error, failures)
                failures += 1
                group.noteFailure()
                if isLastTry { return error }
                let pause = Deadline(after: Self.retryPause)
                _ = intake.wait(until: pause) { $0.isClosing ? () : nil }
                // What has come may be what makes room.
                if case .write(let more, let newest) = intake.withLock({ $0.next() }) {
                    group.append(more)
                    last = newest
                }
            }
        }
        if failures > 0 { logger.notice("The store \(file.path) can be written again.") }
        intake.withLock(\.progress)?(last)
        return nil
    }

    /// Says that writing has failed, but not with every try.
    private func report(_ error: ProtonError, _ failures: Int) {
        guard failures % Self.triesPerReport == 0 else { return }
        logger.error("\(error) Nothing is accepted for it meanwhile; it is tried again four times a second.")
    }

    /// Gives some room in the file back to the system.
    /// - Returns: whether there is more to give.
    private func giveBackRoom() -> Bool {
        do {
            return try file.giveBackRoom()
        } catch {
            // The room is used again by what comes.
            logger.debug("\(error)")
            return false
        }
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
