public import AMQP
public import ProtonEngine

/// How a connection is made, or taken.
public struct ConnectionOptions: Sendable {
    /// What the peer may take of this process.
    public var limits: ConnectionLimits
    /// This side's container id; nil is the container's.
    public var containerID: String?
    /// The virtual host that is asked for; nil is the host of the URL, the empty string none.
    public var virtualHost: String?
    /// The user to log in as; the URL's wins.
    public var user: String?
    /// The password to log in with; the URL's wins.
    public var password: String?
    /// Whether there is a SASL layer. Default true: most peers refuse a client without one.
    ///
    /// Of an accepted connection the client's first bytes decide.
    public var usesSASL: Bool
    /// The SASL mechanisms that may be used; empty is all that there are: EXTERNAL, PLAIN, ANONYMOUS. Default empty;
    /// of an accepted connection ANONYMOUS.
    ///
    /// Empty leaves ANONYMOUS out where there is a password: a program that gives one is not logged in without.
    public var allowedMechanisms: [String]
    /// Whether a password may be sent over a connection that is not encrypted. Default true.
    public var allowsInsecureMechanisms: Bool
    /// The extensions that this side offers.
    public var offeredCapabilities: [Symbol]
    /// The extensions that this side can use.
    public var desiredCapabilities: [Symbol]
    /// What this side tells of itself.
    public var properties: AMQPMap

    /// How to try again where the peer can't be reached or the connection is lost; nil connects once. Default `Backoff()`.
    ///
    /// Of no use to connections that are taken.
    public var reconnect: Backoff?
    /// After which failures to try again. Default `.transient`: after those that can get better without the program.
    public var reconnectPolicy: ReconnectPolicy

    /// Creates options, each with the default that it has where it is left out.
    /// - Parameters:
    ///   - heartbeat: how long the peer may say nothing; the limits' `idleTimeout`, under the name that Python has for it.
    ///   - maxFrameSize: the limits' `maxFrameSize`.
    public init(
        user: String? = nil, password: String? = nil, allowedMechanisms: [String] = [], usesSASL: Bool = true,
        allowsInsecureMechanisms: Bool = true, virtualHost: String? = nil, containerID: String? = nil,
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
        self.offeredCapabilities = offeredCapabilities
        self.desiredCapabilities = desiredCapabilities
        self.properties = properties
        self.reconnect = reconnect
        self.reconnectPolicy = reconnectPolicy
    }

    /// - Throws: `ProtonError.Code.invalidArgument` that names the option that makes no sense.
    func validate() throws(ProtonError) {
        try limits.validate()
        try reconnect?.validate()
    }

    /// How the transport of a connection with these options is set up.
    /// - Parameter hasPassword: whether the program logs in with a password: then it is never logged in without.
    func transport(isServer: Bool, hasPassword: Bool = false) -> TransportConfiguration {
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.usesSASL = usesSASL
        configuration.allowsInsecureMechanisms = allowsInsecureMechanisms
        var mechanisms = allowedMechanisms
        if mechanisms.isEmpty {
            if isServer { mechanisms = ["ANONYMOUS"] } else if hasPassword { mechanisms = ["EXTERNAL", "PLAIN"] }
        }
        configuration.mechanisms = mechanisms.isEmpty ? nil : mechanisms.joined(separator: " ")
        return configuration
    }

    /// Puts what this side says in its open frame into a connection.
    func apply(to connection: Connection) {
        connection.offeredCapabilities = offeredCapabilities
        connection.desiredCapabilities = desiredCapabilities
        connection.properties = properties
    }
}
