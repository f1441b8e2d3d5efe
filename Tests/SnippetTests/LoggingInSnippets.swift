// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Proton

/// The snippets of LoggingIn.md, compiled: each as it is in the article, in what it needs around it.
enum LoggingInSnippets {
    struct LogInWithAPassword {
        func logIn(password: String) throws -> AMQPClient {
            try AMQPClient("amqps://broker.example.com", credentials: .password(user: "anna", password: password))
        }

        func logIn(_ container: Container) throws {
            try container.connect("amqps://anna:secret@broker.example.com")
        }
    }

    struct LogInWithAToken {
        func logIn(_ fetchToken: @escaping @Sendable () async throws -> String) throws -> AMQPClient {
            let credentials = CredentialSource.provider { attempt in
                .token(user: "anna", token: try await fetchToken())
            }
            return try AMQPClient("amqps://broker.example.com", credentials: credentials)
        }
    }

    struct LogInWithACertificate {
        func logInByCertificate() throws -> AMQPClient {
            let certificate = TLSCertificate(file: "me.pem", keyFile: "me.key")
            let options = ConnectionOptions(tls: TLSClientOptions(certificate: certificate))
            return try AMQPClient("amqps://broker.example.com", options: options)
        }
    }

    struct BoundTheMechanisms {
        func onlySCRAM() -> ConnectionOptions {
            ConnectionOptions(allowedMechanisms: ["SCRAM-SHA-256", "SCRAM-SHA-512"])
        }
    }

    struct DecideWhoMayConnect {
        func listen(_ container: Container, _ logger: Logger) throws {
            let users = try UserFile(path: "/etc/broker/users") { logger.error("\($0)") }
            let options = ConnectionOptions(authentication: .required(users))
            try container.listen("0.0.0.0:5672", options: options)
        }
    }
}
