// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Logging
import ProtonEngine

extension TLSClientOptions {
    /// The TLS options of `amqps` URLs by default; all connections share its sessions.
    static let standard = TLSClientOptions()

    /// How a connection to a URL is secured.
    func security(for url: AMQPURL) throws(ProtonError) -> (TransportSecurity, ProtonError?) {
        try security(host: url.host, address: url.hostAndPort)
    }
}

extension ConnectionOptions {
    /// Checks the TLS options of a connection to some URLs before it is made: it reads the files.
    /// - Throws: `ProtonError.Code.invalidArgument`, also if there are TLS options and a URL that does not use TLS.
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

    /// Logs a warning if the peer's certificate is not fully verified.
    func warn(of urls: [AMQPURL], in logger: Logger) {
        guard let tls, tls.verification != .full else { return }
        for url in urls where url.scheme == .amqps {
            logger.warning("\(url.hostAndPort) is not verified: the options' tls has .\(tls.verification).")
        }
    }
}

/// How the connections of a listener are secured.
struct ListenerSecurity: Sendable {
    private let options: TLSServerOptions?
    private let address: String
    private let logger: Logger

    /// Reads the certificate.
    /// - Throws: `ProtonError.Code.invalidArgument` if it cannot be used, and if the URL and the options do not agree.
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

    /// The transport's configuration with the current certificate.
    func securing(_ transport: TransportConfiguration) throws(ProtonError) -> TransportConfiguration {
        guard let options else { return transport }
        var transport = transport
        let (security, failure) = try options.security()
        if let failure { logger.warning("\(address): \(failure.message) Going on with what was read before.") }
        transport.security = security
        return transport
    }
}
