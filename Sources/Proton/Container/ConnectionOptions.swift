public import AMQP
public import ProtonEngine

/// How a connection is made, or taken.
public struct ConnectionOptions: Sendable {
    /// What the peer may take of this process.
    public var limits = ConnectionLimits()
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
    public var usesSASL = true
    /// The SASL mechanisms that may be used; empty is all that there are: EXTERNAL, PLAIN, ANONYMOUS. Default empty;
    /// of an accepted connection ANONYMOUS.
    public var allowedMechanisms: [String] = []
    /// Whether a password may be sent over a connection that is not encrypted. Default true.
    public var allowsInsecureMechanisms = true
    /// The extensions that this side offers.
    public var offeredCapabilities: [Symbol] = []
    /// The extensions that this side can use.
    public var desiredCapabilities: [Symbol] = []
    /// What this side tells of itself.
    public var properties: AMQPMap = [:]

    /// The default options.
    public init() {}

    /// How the transport of a connection with these options is set up.
    func transport(isServer: Bool) -> TransportConfiguration {
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.usesSASL = usesSASL
        configuration.allowsInsecureMechanisms = allowsInsecureMechanisms
        let mechanisms = allowedMechanisms.isEmpty && isServer ? ["ANONYMOUS"] : allowedMechanisms
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
