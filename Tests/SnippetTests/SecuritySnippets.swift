// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// The snippets of Security.md, compiled: each as it is in the article, in what it needs around it.
enum SecuritySnippets {
    struct ConnectSafely {
        func connect(password: String) throws -> AMQPClient {
            try AMQPClient("amqps://broker.example", credentials: .password(user: "me", password: password))
        }
    }

    struct ListenSafely {
        func listen(_ container: Container, _ users: UserFile) throws {
            var options = ConnectionOptions()
            options.authentication = .required(users)
            let certificate = TLSCertificate(file: "server.pem", keyFile: "server.key")
            try container.listen("amqps://0.0.0.0", options: options, tls: TLSServerOptions(certificate: certificate))
        }
    }

    struct KnowTheLimitsOfAPeer {
        func narrowLimits() -> ConnectionOptions {
            var limits = ConnectionLimits()
            limits.maxMessageSize = 256 * 1_024
            limits.maxSessions = 4
            limits.maxLinks = 16
            return ConnectionOptions(limits: limits)
        }
    }
}
