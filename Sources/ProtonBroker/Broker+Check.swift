// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonEngine

extension Broker {
    /// Checks addresses and options, without listening and without opening the store.
    /// - Throws: as `init`, except for ports that are not available and a store that cannot be read.
    package static func check(addresses: [String], options: BrokerOptions) throws {
        try options.validate()
        for address in addresses {
            let url = try AMQPURL(address)
            guard url.scheme != .amqps || options.tls != nil else { throw missingCertificate(url) }
        }
        // Reads the certificate and its key.
        _ = try options.tls?.security()
    }

    static func missingCertificate(_ url: AMQPURL) -> ProtonError {
        ProtonError(.invalidArgument, "To listen on amqps://\(url.hostAndPort) a certificate is needed: set tls.")
    }
}
