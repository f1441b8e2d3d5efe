// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton

/// What a peer is to do: the options of the command line as plain values, which cost nothing to read in a loop.
struct Settings {
    /// How the messages that are sent are made.
    enum Mode: String, CaseIterable {
        case raw, msg, msgp
    }

    /// How much of a message is read that comes: its id, or that and the body.
    enum Reading: String, CaseIterable {
        case head, id
    }

    var host: String
    var port: Int
    var address: String
    var count: Int
    var bodySize: Int
    var mode: Mode
    var reading: Reading
    var isSettled: Bool
    var window: Int
    var connections: Int
    /// How many links a sender's connection has.
    var links: Int
    var listens: Bool
    var echoes: Bool
    /// How many messages may be unsettled at once; 0 is as many as there is credit.
    var inFlight: Int
    /// A folder with certificate.pem and key.pem: TLS is spoken; nil is not.
    var certificates: String?
    /// Whether frames pass the layer that refuses what proton does not stand.
    var usesFrameLayer: Bool
    /// The largest frame that is taken, in bytes; nil is the default.
    var maxFrameSize: UInt32?

    var linkOption: LinkOption { isSettled ? .atMostOnce : .atLeastOnce }
    var hostAndPort: String { "\(host):\(port)" }
    var url: String { "\(server)/\(address)" }
    /// Where a client connects to; the certificate is for localhost.
    var server: String { certificates == nil ? hostAndPort : "amqps://localhost:\(port)" }
    /// Where a server listens.
    var listening: String { certificates == nil ? hostAndPort : "amqps://\(hostAndPort)" }

    /// How connections are made and taken.
    var options: ConnectionOptions {
        var options = ConnectionOptions()
        options.limits.usesFrameLayer = usesFrameLayer
        if let maxFrameSize { options.limits.maxFrameSize = maxFrameSize }
        if let certificates, !listens {
            options.tls = TLSClientOptions(trust: .file("\(certificates)/certificate.pem"))
        }
        return options
    }

    /// A listener's certificate.
    var tls: TLSServerOptions? {
        certificates.map {
            TLSServerOptions(
                certificate: TLSCertificate(file: "\($0)/certificate.pem", keyFile: "\($0)/key.pem"))
        }
    }
}
