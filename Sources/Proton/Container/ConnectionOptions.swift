// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

public import AMQP
public import ProtonEngine

/// How a connection is made or accepted.
public struct ConnectionOptions: Sendable {
    /// The limits for what the peer may use of this process.
    public var limits: ConnectionLimits
    /// This side's container id; nil uses the container's id.
    public var containerID: String?
    /// The virtual host to request; nil uses the URL's host, the empty string none.
    public var virtualHost: String?
    /// The user to authenticate as; the user of a URL has priority.
    public var user: String?
    /// The password to authenticate with; the password of a URL has priority.
    public var password: String?
    /// Whether there is a SASL layer. Default true: most peers refuse a client without one.
    ///
    /// For an accepted connection the client's first bytes decide.
    public var usesSASL: Bool
    /// The credentials to use in place of `user` and `password`: a token, or a closure that is called at each attempt; the
    /// password of a URL has priority.
    public var credentials: CredentialSource?
    /// The names of the SASL mechanisms that may be used; empty, the default, allows all.
    ///
    /// The strongest mechanism that the server offers and the credentials support is used: EXTERNAL with a client certificate,
    /// SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN with a password, OAUTHBEARER and XOAUTH2 with a token, and ANONYMOUS
    /// without any of them: a program that sets a password or a token is never authenticated without it.
    public var allowedMechanisms: [String]
    /// To which peers a password or a token may be sent, and from which it is accepted, over a connection without encryption.
    ///
    /// It applies to PLAIN, OAUTHBEARER and XOAUTH2, and not to SCRAM. Default `.onLoopback`.
    public var allowsInsecureMechanisms: Allowance
    /// The program's own SASL mechanisms, which are preferred to the others, in their order.
    public var clientMechanisms: [any SASLClientMechanism]
    /// How the clients of a listener authenticate. Default `.anonymous`: they need not.
    public var authentication: Authentication
    /// Which clients of a listener may omit SASL. Default `.onLoopback`: the clients of listeners on loopback addresses.
    ///
    /// The SASL layer also protects the process from frames that would crash or stall it. No client may omit it if
    /// `authentication` requires the clients of the listener's address to authenticate.
    public var allowsPeersWithoutSASL: Allowance
    /// The TLS options for peers whose URL begins with `amqps:`. Nil, the default, is `TLSClientOptions()`: the certificate must
    /// be issued by an authority that the system trusts, for the URL's host.
    ///
    /// These options are for `amqps` only: a URL without TLS is refused with them. The TLS options of a listener are an argument
    /// of `Container.listen`.
    public var tls: TLSClientOptions?
    /// The extensions that this side offers.
    public var offeredCapabilities: [Symbol]
    /// The extensions that this side can use.
    public var desiredCapabilities: [Symbol]
    /// The connection properties that this side sends in its open.
    public var properties: AMQPMap

    /// How to connect again if the peer cannot be reached or the connection is lost; nil connects once. Default `Backoff()`.
    ///
    /// Not used for accepted connections.
    public var reconnect: Backoff?
    /// After which errors to connect again. Default `.transient`: after errors that can disappear without a change of the
    /// program.
    public var reconnectPolicy: ReconnectPolicy

    /// Where frames are logged: `logFrames(to:level:payload:)`.
    var frameLog: TransportLog?

    /// Creates options; each one that is omitted has its default.
    ///
    /// Each parameter sets the property of its name, except for two limits: `heartbeat` is how long the peer may send nothing
    /// (`idleTimeout` under its Python name), and `maxFrameSize` is that of the limits.
    public init(
        user: String? = nil, password: String? = nil, allowedMechanisms: [String] = [], usesSASL: Bool = true,
        allowsInsecureMechanisms: Allowance = .onLoopback, credentials: CredentialSource? = nil,
        clientMechanisms: [any SASLClientMechanism] = [], authentication: Authentication = .anonymous,
        allowsPeersWithoutSASL: Allowance = .onLoopback, tls: TLSClientOptions? = nil,
        virtualHost: String? = nil, containerID: String? = nil,
        heartbeat: Duration? = nil, maxFrameSize: UInt32? = nil, offeredCapabilities: [Symbol] = [],
        desiredCapabilities: [Symbol] = [], properties: AMQPMap = [:], reconnect: Backoff? = Backoff(),
        reconnectPolicy: ReconnectPolicy = .transient, limits: ConnectionLimits = ConnectionLimits()
    ) {
        self.limits = limits
        if let heartbeat { self.limits.idleTimeout = heartbeat }
        if let maxFrameSize { self.limits.maxFrameSize = maxFrameSize }
        self.containerID = containerID
        self.virtualHost = virtualHost
        self.user = user
        self.password = password
        self.usesSASL = usesSASL
        self.allowedMechanisms = allowedMechanisms
        self.allowsInsecureMechanisms = allowsInsecureMechanisms
        self.credentials = credentials
        self.clientMechanisms = clientMechanisms
        self.authentication = authentication
        self.allowsPeersWithoutSASL = allowsPeersWithoutSASL
        self.tls = tls
        self.offeredCapabilities = offeredCapabilities
        self.desiredCapabilities = desiredCapabilities
        self.properties = properties
        self.reconnect = reconnect
        self.reconnectPolicy = reconnectPolicy
    }

    /// - Throws: `ProtonError.Code.invalidArgument` that names the invalid option.
    func validate() throws(ProtonError) {
        try limits.validate()
        try reconnect?.validate()
        let names = clientMechanisms.map(\.name) + authentication.mechanisms.map(\.name)
        guard names.allSatisfy(\.isValid), authentication.mechanisms.count <= 16 else {
            throw ProtonError(
                .invalidArgument,
                "A SASL mechanism is named by 1 to 20 of A to Z, 0 to 9, - and _, and a listener has up to 16 of its own."
            )
        }
    }

    /// - Throws: `ProtonError.Code.invalidArgument` if there are credentials, and SASL is off.
    func checkLogin(at urls: [AMQPURL]) throws(ProtonError) {
        guard !usesSASL, password != nil || credentials != nil || urls.contains(where: { $0.password != nil }) else {
            return
        }
        throw ProtonError(
            .invalidArgument, "Without SASL nobody can log in: leave usesSASL true, or the password out.")
    }

    /// The configuration of the transport of a connection with these options.
    private func transport(isServer: Bool) -> TransportConfiguration {
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.usesSASL = usesSASL
        configuration.log = frameLog
        configuration.allowsInsecureMechanisms = allowsInsecureMechanisms
        configuration.mechanisms = allowedMechanisms.isEmpty ? nil : allowedMechanisms.joined(separator: " ")
        return configuration
    }

    /// The configuration of the transport of a connection that a listener accepts.
    /// - Parameter isLoopback: whether only peers on the same machine can reach the listener.
    func serverTransport(isLoopback: Bool) -> TransportConfiguration {
        var configuration = transport(isServer: true)
        configuration.authentication = authentication
        configuration.requiresSASL =
            !allowsPeersWithoutSASL.includes(isLoopback: isLoopback)
            || authentication.isRequired(onLoopback: isLoopback)
        return configuration
    }

    /// The configuration of the transport of a connection to a peer.
    /// - Parameters:
    ///   - user: the user of the URL or the options.
    ///   - password: the password of the URL or the options.
    ///   - isOfURL: whether the password is that of the URL, which has priority over `credentials`.
    func clientTransport(user: String?, password: String?, isOfURL: Bool) -> TransportConfiguration {
        var configuration = transport(isServer: false)
        configuration.clientMechanisms = clientMechanisms
        if let credentials, !isOfURL {
            configuration.credentials = credentials
        } else if let password {
            configuration.credentials = .password(user: user ?? "", password: password)
        } else {
            configuration.credentials = .fixed(.anonymous(user: user))
        }
        return configuration
    }

    /// Sets the fields of a connection's open frame.
    func apply(to connection: Connection) {
        connection.offeredCapabilities = offeredCapabilities
        connection.desiredCapabilities = desiredCapabilities
        connection.properties = properties
    }
}
