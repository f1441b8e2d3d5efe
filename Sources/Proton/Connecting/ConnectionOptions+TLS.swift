// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import ProtonEngine

extension TLSClientOptions {
    /// What `amqps` means where a program says nothing of TLS; all connections share its sessions.
    static let standard = TLSClientOptions()

    /// How a connection to a URL is secured.
    func security(for url: AMQPURL) throws(ProtonError) -> (TransportSecurity, ProtonError?) {
        try security(host: url.host, address: url.hostAndPort)
    }
}

extension ConnectionOptions {
    /// Checks what a connection to some URLs needs of TLS before it is made: files are read here.
    /// - Throws: `ProtonError.Code.invalidArgument`, also where TLS is asked for and a URL leaves it out.
    func check(_ urls: [AMQPURL]) throws(ProtonError) {
        for url in urls {
            switch (url.scheme, tls) {
            case (.amqps, let tls): _ = try (tls ?? .standard).security(for: url)
            case (.amqp, nil): break
            case (.amqp, _?):
                throw ProtonError(
                    .invalidArgument,
                    "\(url) is a connection in the clear, and the options have tls: begin the URL with amqps://, or leave tls "
                        + "out.")
            }
        }
    }

    /// Writes down where anybody can pass for a peer.
    func warn(of urls: [AMQPURL], in logger: Logger) {
        guard let tls, tls.verification != .full else { return }
        for url in urls where url.scheme == .amqps {
            logger.warning("\(url.hostAndPort) is not verified: the options' tls has .\(tls.verification).")
        }
    }
}

/// How the connections that a listener takes are secured.
struct ListenerSecurity: Sendable {
    private let options: TLSServerOptions?
    private let address: String
    private let logger: Logger

    /// Reads the certificate.
    /// - Throws: `ProtonError.Code.invalidArgument` where it cannot be used, and where the URL and the options do not agree.
    init(_ options: TLSServerOptions?, of url: AMQPURL, _ logger: Logger) throws(ProtonError) {
        switch (url.scheme, options) {
        case (.amqps, nil):
            throw ProtonError(
                .invalidArgument,
                "To listen on amqps://\(url.hostAndPort) a certificate is needed: listen(_:tls:) takes it.")
        case (.amqp, _?):
            throw ProtonError(
                .invalidArgument,
                "amqp://\(url.hostAndPort) is a port in the clear, and tls is given: begin the URL with amqps://.")
        case (.amqps, let options?): _ = try options.security()
        case (.amqp, nil): break
        }
        (self.options, address, self.logger) = (options, url.hostAndPort, logger)
    }

    /// The set-up of a transport with the certificate that there is now.
    func securing(_ transport: TransportConfiguration) throws(ProtonError) -> TransportConfiguration {
        guard let options else { return transport }
        var transport = transport
        let (security, failure) = try options.security()
        if let failure { logger.warning("\(address): \(failure.message) Going on with what was read before.") }
        transport.security = security
        return transport
    }
}
