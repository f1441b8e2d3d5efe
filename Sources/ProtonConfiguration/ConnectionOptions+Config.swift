// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

public import Configuration
public import Proton

extension ConnectionOptions {
    /// Options as a configuration says.
    ///
    /// These keys are read. The variables of the environment are those of a reader whose scope is `amqp`, as of
    /// ``Proton/AMQPClient/init(config:defaults:logger:)``:
    ///
    /// | key | value | variable |
    /// | --- | --- | --- |
    /// | `user` | the user to log in as; the URL's wins | `AMQP_USER` |
    /// | `password` | the password to log in with; a secret; the URL's wins | `AMQP_PASSWORD` |
    /// | `containerID` | this side's container id | `AMQP_CONTAINER_ID` |
    /// | `virtualHost` | the virtual host that is asked for | `AMQP_VIRTUAL_HOST` |
    /// | `heartbeat` | how long the peer may say nothing, in seconds; 0 is for ever | `AMQP_HEARTBEAT` |
    /// | `maxFrameSize` | the largest frame that the peer may send, in bytes | `AMQP_MAX_FRAME_SIZE` |
    /// | `maxMessageSize` | the largest message that is taken, in bytes | `AMQP_MAX_MESSAGE_SIZE` |
    /// | `sasl.enabled` | whether there is a SASL layer: true or false | `AMQP_SASL_ENABLED` |
    /// | `sasl.mechanisms` | the mechanisms that may be used: a text, names separated by spaces, or an array of names | `AMQP_SASL_MECHANISMS` |
    /// | `sasl.allowInsecure` | whether a password may be sent in the clear: true or false | `AMQP_SASL_ALLOW_INSECURE` |
    /// | `tls.ca` | a file or a directory of authorities that are trusted besides the system's | `AMQP_TLS_CA` |
    /// | `tls.cert` | the file of the client's certificate | `AMQP_TLS_CERT` |
    /// | `tls.key` | the file of the certificate's key, where that is another one | `AMQP_TLS_KEY` |
    /// | `tls.keyPassword` | what the key is encrypted with; a secret | `AMQP_TLS_KEY_PASSWORD` |
    /// | `tls.verify` | whether the server's certificate and its name are verified: true or false | `AMQP_TLS_VERIFY` |
    /// | `reconnect.enabled` | whether to try again: true or false | `AMQP_RECONNECT_ENABLED` |
    /// | `reconnect.initial` | the wait before the second try, in seconds | `AMQP_RECONNECT_INITIAL` |
    /// | `reconnect.max` | the longest wait, in seconds | `AMQP_RECONNECT_MAX` |
    /// | `reconnect.maxTries` | after how many tries in a row to give up | `AMQP_RECONNECT_MAX_TRIES` |
    /// | `reconnect.maxTime` | for how long to begin new tries, in seconds | `AMQP_RECONNECT_MAX_TIME` |
    ///
    /// A key that is not there leaves the default. A user or a password takes the place of the defaults' `credentials`.
    /// Keys of `tls` are for URLs that begin with `amqps:` only, as ``/Proton/ConnectionOptions/tls`` is.
    ///
    /// - Parameters:
    ///   - config: where the keys are looked up.
    ///   - defaults: what counts where there is no key for it.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the key that is wrong.
    public init(config: ConfigReader, defaults: ConnectionOptions = ConnectionOptions()) throws {
        self = defaults
        let settings = Settings(config)
        try takeLogin(settings)
        if let containerID = try settings.text("containerID") { self.containerID = containerID }
        if let virtualHost = try settings.text("virtualHost") { self.virtualHost = virtualHost }
        try takeLimits(settings)
        try takeTLS(settings)
        try takeReconnect(settings)
    }

    private mutating func takeLogin(_ settings: Settings) throws {
        let (user, password) = (try settings.text("user"), try settings.text("password", isSecret: true))
        if user != nil || password != nil { credentials = nil }
        if let user { self.user = user }
        if let password { self.password = password }
        if let isEnabled = try settings.flag("sasl.enabled") { usesSASL = isEnabled }
        if let names = try settings.names("sasl.mechanisms") { allowedMechanisms = names }
        if let isAllowed = try settings.flag("sasl.allowInsecure") { allowsInsecureMechanisms = Allowance(isAllowed) }
    }

    private mutating func takeLimits(_ settings: Settings) throws {
        if let heartbeat = try settings.seconds("heartbeat", in: 0...Settings.longest) {
            limits.idleTimeout = heartbeat
        }
        if let size = try settings.number("maxFrameSize", in: 512...Int(UInt32.max)) {
            limits.maxFrameSize = UInt32(size)
            // Where the session would not hold a frame.
            limits.sessionCapacity = max(limits.sessionCapacity, size)
        }
        if let size = try settings.number("maxMessageSize", in: 1...Int.max) { limits.maxMessageSize = size }
    }

    private mutating func takeTLS(_ settings: Settings) throws {
        var options = tls ?? TLSClientOptions()
        if let authorities = try settings.text("tls.ca") { options.trust = options.trust.adding(.file(authorities)) }
        let (file, key) = (try settings.text("tls.cert"), try settings.text("tls.key"))
        let password = try settings.text("tls.keyPassword", isSecret: true)
        if let file {
            options.certificate = TLSCertificate(file: file, keyFile: key, password: password)
        } else if key != nil {
            throw settings.wrong("tls.key", "is the key of a certificate, and there is no \"tls.cert\"")
        } else if password != nil {
            throw settings.wrong("tls.keyPassword", "is for the key of a certificate, and there is no \"tls.cert\"")
        }
        if let verifies = try settings.flag("tls.verify") {
            options.verification = verifies ? .full : .insecureNoVerification
        }
        if options != tls ?? TLSClientOptions() { tls = options }
    }

    private mutating func takeReconnect(_ settings: Settings) throws {
        let isEnabled = try settings.flag("reconnect.enabled") ?? (reconnect != nil)
        var backoff = reconnect ?? Backoff()
        let seconds = 0...Settings.longest
        if let initial = try settings.seconds("reconnect.initial", in: seconds) { backoff.initial = initial }
        if let max = try settings.seconds("reconnect.max", in: seconds) { backoff.max = max }
        if let tries = try settings.number("reconnect.maxTries", in: 1...Int.max) { backoff.maxTries = tries }
        if let time = try settings.seconds("reconnect.maxTime", in: seconds) { backoff.maxTime = time }
        guard backoff.initial <= backoff.max else {
            throw settings.wrong(
                "reconnect.max",
                "must not be below \"reconnect.initial\": they are \(backoff.max) and \(backoff.initial)")
        }
        reconnect = isEnabled ? backoff : nil
    }
}

#endif
