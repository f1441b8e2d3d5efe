// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import ArgumentParser
import Proton

/// The exit code of a command that has not done all that it was asked for.
package enum ToolExit: Int32, Sendable {
    /// Any other failure.
    case failure = 1
    /// There is no connection: nobody listens, or the log-in or TLS was refused.
    case notConnected = 2
    /// The broker, or who answers, refused a link or a message.
    case refused = 3
    /// Nothing came in time.
    case timedOut = 4
    /// The arguments are wrong: `EX_USAGE` of sysexits.h, as ArgumentParser has it.
    case usage = 64
    /// A signal came before the end.
    case interrupted = 130
    /// Nobody reads standard output any more.
    case outputClosed = 141
}

/// Why a command ends, in one line, and by which exit code.
package struct ToolError: Error, CustomStringConvertible {
    package let exit: ToolExit
    /// What happened and what to do; empty where there is nothing to say.
    package let message: String

    package var description: String { message }

    package init(_ exit: ToolExit, _ message: String) {
        (self.exit, self.message) = (exit, message.escapedForTerminal(upTo: 4_000))
    }

    /// What an error of the library means here; nil for errors of arguments, which ArgumentParser shows itself.
    package init?(_ error: any Error) {
        switch error {
        case let error as ToolError: self = error
        case let error as AMQPSendError: self.init(ToolError.exit(of: error), error.description)
        case let error as ProtonError: self.init(ToolError.exit(of: error), error.message)
        case is CancellationError: self.init(.interrupted, "Stopped.")
        // What parsing finds wrong is another type, which ArgumentParser shows with the command's usage.
        case let error as ValidationError: self.init(.usage, error.message)
        case is ExitCode, is CleanExit: return nil
        default:
            // ArgumentParser's own errors are not public: they have other exit codes than a failure's.
            guard RootCommand.exitCode(for: error) == .failure else { return nil }
            self.init(.failure, "\(error)")
        }
    }

    private static func exit(of error: AMQPSendError) -> ToolExit {
        switch error {
        case .refused: .refused
        case .notSent(let cause), .inDoubt(let cause):
            switch cause {
            case is CancellationError: .interrupted
            case let cause as ProtonError: exit(of: cause)
            default: .failure
            }
        }
    }

    private static func exit(of error: ProtonError) -> ToolExit {
        switch error.code {
        case .linkError: .refused
        case .timedOut: .timedOut
        default: .failure
        }
    }
}
