// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton

/// The snippets of Logging.md, compiled: each as it is in the article, in what it needs around it.
enum LoggingSnippets {
    struct SetTheLevelByLabel {
        /// Call it once, before anything else.
        func setUpLogging() {
            LoggingSystem.bootstrap { label in
                var handler = StreamLogHandler.standardError(label: label)
                handler.logLevel = label.hasPrefix("proton") ? .debug : .info
                return handler
            }
        }
    }

    struct GiveOneConnectionALoggerOfItsOwn {
        func connectQuietly() throws -> AMQPClient {
            var logger = Logger(label: "orders.amqp")
            logger.logLevel = .error
            return try AMQPClient("amqps://broker.example", logger: logger)
        }
    }

    struct SeeEachFrame {
        func watchFrames() throws -> AMQPClient {
            var client = try AMQPClient("amqp://localhost")
            client.options.logFrames(to: Logger(label: "frames"))
            return client
        }
        // info frames: peer=127.0.0.1:5672 0 -> @attach(18) [name="q", handle=0x0, role=false, …]
    }
}
