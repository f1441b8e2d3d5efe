// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// A job as a message: a name, and how many tries there were.
struct Job: Sendable {
    static let delay: AnnotationKey = "x-opt-delivery-delay"

    let message: Message

    /// A new job.
    /// - Parameters:
    ///   - failures: how many tries fail, for this example.
    ///   - delay: how long the broker keeps it before the first try.
    init(_ name: String, failures: Int, delay: Duration) {
        var message = Message(body: name)
        message.isDurable = true
        message.properties = ["fails": .int(Int32(clamping: failures))]
        self.message = Job.delayed(message, by: delay)
    }

    init(_ message: Message) { self.message = message }

    var name: String { message.body.value.stringValue ?? "" }
    var failures: Int { message.properties["fails"]?.intValue ?? 0 }
    var tries: Int { max(0, message.properties["tries"]?.intValue ?? 0) }

    /// The job as it is tried once more.
    func retried(after delay: Duration) -> Message {
        var message = message
        message.properties["tries"] = .int(Int32(clamping: tries + 1))
        return Job.delayed(message, by: delay)
    }

    /// The job as it is kept for somebody to look at it.
    func givenUp(_ reason: String) -> Message {
        var message = retried(after: .zero)
        message.properties["reason"] = .string(reason)
        return message
    }

    private static func delayed(_ message: Message, by delay: Duration) -> Message {
        var message = message
        let milliseconds = delay / .milliseconds(1)
        message.annotations[Job.delay] = milliseconds > 0 ? .long(Int64(milliseconds)) : nil
        return message
    }
}
