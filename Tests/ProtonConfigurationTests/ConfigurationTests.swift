// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

import Configuration
import Proton
import ProtonConfiguration
import ProtonTesting
import Synchronization
import Testing

/// Clients and options by a configuration.
struct ConfigurationTests {
    private func environment(_ variables: [String: String]) -> ConfigReader {
        ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables)).scoped(to: "amqp")
    }

    private func memory(_ values: [AbsoluteConfigKey: ConfigValue]) -> ConfigReader {
        ConfigReader(provider: InMemoryProvider(values: values)).scoped(to: "amqp")
    }

    private func key(_ components: String...) -> AbsoluteConfigKey { AbsoluteConfigKey(["amqp"] + components) }

    // MARK: Values

    @Test func everyVariableOfTheTablesIsRead() throws {
        let client = try AMQPClient(
            config: environment([
                "AMQP_URL": "amqps://a.example,amqps://b.example:5670/q", "AMQP_TIMEOUT": "2.5",
                "AMQP_USER": "anna", "AMQP_PASSWORD": "secret", "AMQP_CONTAINER_ID": "me", "AMQP_VIRTUAL_HOST": "vhost",
                "AMQP_HEARTBEAT": "30", "AMQP_MAX_FRAME_SIZE": "4096", "AMQP_MAX_MESSAGE_SIZE": "1000000",
                "AMQP_SASL_ENABLED": "true", "AMQP_SASL_MECHANISMS": "SCRAM-SHA-256 PLAIN",
                "AMQP_SASL_ALLOW_INSECURE": "false", "AMQP_TLS_CA": "/ca.pem", "AMQP_TLS_CERT": "/cert.pem",
                "AMQP_TLS_KEY": "/key.pem", "AMQP_TLS_KEY_PASSWORD": "k", "AMQP_TLS_VERIFY": "false",
                "AMQP_RECONNECT_ENABLED": "true", "AMQP_RECONNECT_INITIAL": "0.5", "AMQP_RECONNECT_MAX": "20",
                "AMQP_RECONNECT_MAX_TRIES": "7", "AMQP_RECONNECT_MAX_TIME": "90",
            ]))
        #expect(client.urls == [try AMQPURL("amqps://a.example"), try AMQPURL("amqps://b.example:5670/q")])
        #expect(client.timeout == .milliseconds(2_500))
        let options = client.options
        #expect(options.user == "anna" && options.password == "secret")
        #expect(options.containerID == "me" && options.virtualHost == "vhost")
        #expect(options.limits.idleTimeout == .seconds(30))
        #expect(options.limits.maxFrameSize == 4_096 && options.limits.maxMessageSize == 1_000_000)
        #expect(options.usesSASL && options.allowedMechanisms == ["SCRAM-SHA-256", "PLAIN"])
        #expect(options.allowsInsecureMechanisms == .never)
        #expect(
            options.tls
                == TLSClientOptions(
                    trust: .system.adding(.file("/ca.pem")),
                    certificate: TLSCertificate(file: "/cert.pem", keyFile: "/key.pem", password: "k"),
                    verification: .insecureNoVerification))
        #expect(
            options.reconnect
                == Backoff(initial: .milliseconds(500), max: .seconds(20), maxTries: 7, maxTime: .seconds(90)))
    }

    @Test func typedValuesAreRead() throws {
        let client = try AMQPClient(
            config: memory([
                key("url"): .init(.stringArray(["a.example", "b.example"]), isSecret: false), key("heartbeat"): 1,
                key("timeout"): 0.25, key("sasl", "enabled"): false, key("reconnect", "enabled"): false,
                key("sasl", "mechanisms"): .init(.stringArray(["PLAIN", "EXTERNAL"]), isSecret: false),
            ]))
        #expect(client.urls.map(\.host) == ["a.example", "b.example"])
        #expect(client.options.limits.idleTimeout == .seconds(1) && client.timeout == .milliseconds(250))
        #expect(!client.options.usesSASL && client.options.reconnect == nil)
        #expect(client.options.allowedMechanisms == ["PLAIN", "EXTERNAL"])
        #expect(try AMQPClient(config: memory([key("url"): "c.example"])).urls.map(\.host) == ["c.example"])
    }

    @Test func whatIsMissingStaysAsItIs() throws {
        var defaults = ConnectionOptions(
            user: "anna", credentials: .token(token: "t"), virtualHost: "v", heartbeat: .seconds(5), reconnect: nil)
        defaults.tls = TLSClientOptions(minimumVersion: .tls13)
        let options = try ConnectionOptions(config: environment([:]), defaults: defaults)
        #expect("\(options)" == "\(defaults)")
        #expect(options.tls == defaults.tls && options.reconnect == nil)
        let plain = try AMQPClient(config: environment(["AMQP_URL": "host"]))
        #expect("\(plain.options)" == "\(ConnectionOptions())" && plain.timeout == .seconds(30))
    }

    @Test func configurationWinsOverDefaults() throws {
        var defaults = ConnectionOptions(
            credentials: .token(token: "t"), heartbeat: .seconds(5), reconnect: Backoff(maxTries: 3))
        defaults.tls = TLSClientOptions(minimumVersion: .tls13)
        let options = try ConnectionOptions(
            config: environment([
                "AMQP_HEARTBEAT": "7", "AMQP_RECONNECT_MAX": "60", "AMQP_PASSWORD": "p", "AMQP_TLS_CA": "/ca.pem",
            ]), defaults: defaults)
        #expect(options.limits.idleTimeout == .seconds(7))
        #expect(options.reconnect == Backoff(max: .seconds(60), maxTries: 3))
        #expect(options.credentials == nil && options.password == "p")
        #expect(options.tls == TLSClientOptions(trust: .system.adding(.file("/ca.pem")), minimumVersion: .tls13))
    }

    // MARK: Errors

    @Test(arguments: [
        ("AMQP_URL", "https://host", "\"url\"", "invalid AMQP URL"),
        ("AMQP_TIMEOUT", "0", "\"timeout\"", "from 0.001 to 4294967"),
        ("AMQP_HEARTBEAT", "soon", "\"heartbeat\"", "must be a number of seconds, from 0 to 4294967"),
        ("AMQP_HEARTBEAT", "-1", "\"heartbeat\"", "must be a number of seconds"),
        ("AMQP_HEARTBEAT", "nan", "\"heartbeat\"", "must be a number of seconds"),
        ("AMQP_HEARTBEAT", "1e300", "\"heartbeat\"", "must be a number of seconds"),
        ("AMQP_MAX_FRAME_SIZE", "511", "\"maxFrameSize\"", "from 512 to 4294967295"),
        ("AMQP_MAX_MESSAGE_SIZE", "1.5", "\"maxMessageSize\"", "must be a whole number, at least 1"),
        ("AMQP_SASL_ENABLED", "perhaps", "\"sasl.enabled\"", "must be true or false"),
        ("AMQP_TLS_KEY", "/key.pem", "\"tls.key\"", "there is no \"tls.cert\""),
        ("AMQP_TLS_KEY_PASSWORD", "hush", "\"tls.keyPassword\"", "there is no \"tls.cert\""),
        ("AMQP_RECONNECT_MAX", "0.01", "\"reconnect.max\"", "must not be below \"reconnect.initial\""),
        ("AMQP_RECONNECT_MAX_TRIES", "0", "\"reconnect.maxTries\"", "must be a whole number, at least 1"),
    ])
    func errorsNameTheKey(_ variable: String, _ value: String, _ key: String, _ what: String) throws {
        let reader = environment(["AMQP_URL": "host"].merging([variable: value]) { $1 })
        let error = try #require(throws: ProtonError.self) { try AMQPClient(config: reader) }
        #expect(error.code == .invalidArgument)
        #expect(error.message.contains(key) && error.message.contains(what), "\(error)")
        #expect(error.message.contains("keyPrefix: amqp"), "and where it was looked up: \(error)")
        #expect(!error.message.contains("hush"))
    }

    @Test func valuesOfAnotherTypeAreErrors() throws {
        for (name, value) in [("user", 3), ("password", 4), ("heartbeat", "1"), ("maxFrameSize", 600.5)]
            as [(String, ConfigValue)]
        {
            let error = try #require(throws: ProtonError.self) {
                try ConnectionOptions(config: memory([key(name): value]))
            }
            #expect(error.message.contains("\"\(name)\""), "\(error)")
        }
    }

    @Test func missingURLIsAnError() throws {
        let error = try #require(throws: ProtonError.self) { try AMQPClient(config: environment([:])) }
        #expect(error.message.contains("\"url\"") && error.message.contains("is required"), "\(error)")
    }

    // MARK: Secrets, and all together

    @Test func secretsAreMarkedAsSuch() throws {
        let accesses = Accesses()
        let provider = EnvironmentVariablesProvider(environmentVariables: [
            "AMQP_URL": "amqp://anna:secret@host", "AMQP_PASSWORD": "secret", "AMQP_USER": "anna",
            "AMQP_TLS_CERT": "/cert.pem", "AMQP_TLS_KEY_PASSWORD": "secret",
        ])
        _ = try AMQPClient(config: ConfigReader(provider: provider, accessReporter: accesses).scoped(to: "amqp"))
        #expect(accesses.secrets == ["amqp.password", "amqp.tls.keyPassword", "amqp.url"])
    }

    @Test(.timeLimit(.minutes(1)))
    func clientConnects() async throws {
        try await withBroker { broker in
            let client = try AMQPClient(config: environment(["AMQP_URL": broker.address, "AMQP_CONTAINER_ID": "me"]))
            try await client.withConnection { connection in
                try await connection.send("hello", to: "q")
                let delivery = try #require(try await connection.receiver(from: "q").next())
                #expect(delivery.message.body == "hello")
                delivery.accept()
            }
        }
    }
}

/// The keys whose values were read as secrets.
private final class Accesses: AccessReporter {
    private let keys = Mutex<Set<String>>([])

    var secrets: [String] { keys.withLock { $0.sorted() } }

    func report(_ event: AccessEvent) {
        guard case .success(let value?) = event.result, value.isSecret else { return }
        keys.withLock { _ = $0.insert(event.metadata.key.description) }
    }
}

#endif
