// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

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
    /// What to log in with, in the place of `user` and `password`: a token, or a closure that is asked at each try; a
    /// password in the URL wins.
    public var credentials: CredentialSource?
    /// The SASL mechanisms that may be used, by their names; empty is all that there are. Default empty.
    ///
    /// Of those that a server offers the strongest is used that the credentials are for: EXTERNAL with a client certificate,
    /// SCRAM-SHA-512, SCRAM-SHA-256, SCRAM-SHA-1 and PLAIN with a password, OAUTHBEARER and XOAUTH2 with a token, and
    /// ANONYMOUS without any of them: a program that gives a password or a token is never logged in without.
    public var allowedMechanisms: [String]
    /// To which peers a password or a token may be sent over a connection that is not encrypted, and from which it is
    /// taken: PLAIN, OAUTHBEARER, XOAUTH2. Default `.onLoopback`; SCRAM does not depend on it.
    public var allowsInsecureMechanisms: Allowance
    /// SASL mechanisms of the program's own, which are preferred to the others, the first one first.
    public var clientMechanisms: [any SASLClientMechanism]
    /// How the clients of a listener log in. Default `.anonymous`: they need not.
    public var authentication: Authentication
    /// Which clients of a listener may leave SASL out, and with it what keeps their frames from crashing or stalling the
    /// process. Default `.onLoopback`: those of listeners on addresses of this machine only. None where `authentication`
    /// wants those of the listener's address to log in.
    public var allowsPeersWithoutSASL: Allowance
    /// How TLS is spoken with peers whose URL begins with `amqps:`. Nil, the default, is `TLSClientOptions()`: the system's
    /// authorities have to vouch for the peer, and its certificate be for the URL's host.
    ///
    /// Options that are set are for `amqps` only: a URL that asks for a connection in the clear is refused with them. A
    /// listener's are an argument of `Container.listen`.
    public var tls: TLSClientOptions?
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

    /// Where frames are logged: `logFrames(to:level:payload:)`.
    var frameLog: TransportLog?

    /// Creates options, each with the default that it has where it is left out.
    ///
    /// Each parameter is the property of its name, but two, which are limits: `heartbeat` is how long the peer may say nothing,
    /// the `idleTimeout` under the name that Python has for it, and `maxFrameSize` is that of the limits.
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

    /// - Throws: `ProtonError.Code.invalidArgument` that names the option that makes no sense.
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

    /// - Throws: `ProtonError.Code.invalidArgument` where there is something to log in with, and no SASL.
    func checkLogin(at urls: [AMQPURL]) throws(ProtonError) {
        guard !usesSASL, password != nil || credentials != nil || urls.contains(where: { $0.password != nil }) else {
            return
        }
        throw ProtonError(
            .invalidArgument, "Without SASL nobody can log in: leave usesSASL true, or the password out.")
    }

    /// How the transport of a connection with these options is set up.
    private func transport(isServer: Bool) -> TransportConfiguration {
        var configuration = TransportConfiguration(isServer: isServer, limits: limits)
        configuration.usesSASL = usesSASL
        configuration.log = frameLog
        configuration.allowsInsecureMechanisms = allowsInsecureMechanisms
        configuration.mechanisms = allowedMechanisms.isEmpty ? nil : allowedMechanisms.joined(separator: " ")
        return configuration
    }

    /// How the transport of a connection that a listener takes is set up.
    /// - Parameter isLoopback: whether peers on the same machine only can reach the listener.
    func serverTransport(isLoopback: Bool) -> TransportConfiguration {
        var configuration = transport(isServer: true)
        configuration.authentication = authentication
        configuration.requiresSASL =
            !allowsPeersWithoutSASL.includes(isLoopback: isLoopback)
            || authentication.isRequired(onLoopback: isLoopback)
        return configuration
    }

    /// How the transport of a connection to a peer is set up.
    /// - Parameters:
    ///   - user: the URL's or the options'.
    ///   - password: the URL's or the options'.
    ///   - isOfURL: whether the password is the URL's, which wins over `credentials`.
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

    /// Puts what this side says in its open frame into a connection.
    func apply(to connection: Connection) {
        connection.offeredCapabilities = offeredCapabilities
        connection.desiredCapabilities = desiredCapabilities
        connection.properties = properties
    }
}
