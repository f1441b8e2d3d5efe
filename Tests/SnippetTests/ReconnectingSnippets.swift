// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Reconnecting.md, compiled: each as it is in the article, in what it needs around it.
enum ReconnectingSnippets {
    struct BoundTheTries {
        func giveUpAfterAMinute() throws -> AMQPClient {
            let backoff = Backoff(initial: .milliseconds(200), factor: 2, max: .seconds(5), maxTime: .seconds(60))
            return try AMQPClient("amqps://broker.example", options: ConnectionOptions(reconnect: backoff))
        }

        func connectOnce() throws -> Container {
            try Container(options: ConnectionOptions(reconnect: nil))
        }
    }

    struct ConnectToOneOfSeveralBrokers {
        func eitherBroker() throws -> AMQPClient {
            try AMQPClient(["amqps://one.example", "amqps://two.example"])
        }
    }

    struct SetTheHeartbeat {
        func noticeWithinTenSeconds() -> ConnectionOptions {
            ConnectionOptions(heartbeat: .seconds(10))
        }
    }

    struct DecideAfterWhichErrorsToTryAgain {
        func alsoAfterRefusedLogins() -> ConnectionOptions {
            let policy = ReconnectPolicy { error in
                error.code == .authenticationFailed || ReconnectPolicy.transient.triesAgain(after: error)
            }
            return ConnectionOptions(reconnectPolicy: policy)
        }
    }
}
