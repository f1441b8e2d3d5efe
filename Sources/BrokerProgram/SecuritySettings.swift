// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Proton
import ProtonBroker
import ProtonUtilities

/// Who may connect, how, and what they may do.
struct SecuritySettings: SettingGroup {
    let changes: [Change<Configuration>]

    static let settings: [any Setting<Configuration>] = [
        ValueSetting(
            "users", .file,
            """
            Who may log in: a file of users and salted hashes of their passwords, which --add-user writes. It is read again \
            when it has changed. (default: there are no users)
            """
        ) { $0.security.usersFile = $1 },
        ValueSetting(
            "anonymous", ValueKind<Origin>.oneOf("where"),
            """
            From where peers are taken that have not logged in: on-loopback, never or everywhere. (default: on-loopback \
            where there are no users, and never where there are)
            """
        ) { $0.options.anonymous = $1.allowance },
        ValueSetting(
            "rules", .file,
            """
            Who may do what at which addresses: a file of lines as --rule has them, and of groups and comments. SIGHUP has \
            it read again. (default: every peer that is taken may do everything)
            """
        ) { $0.security.rulesFile = $1 },
        ListSetting(
            "rule", .text("rule"),
            """
            A rule, as in 'allow alice send,receive orders/#': a user, @ and a group, or *; send, receive, create, manage, or \
            *; addresses, with * for one part, # at the end for any number, and ${user} for the user. May be repeated. What \
            no rule allows is refused.
            """,
            check: checkRule
        ) { $0.security.rules = $1 },
        ValueSetting(
            "tls-certificate", .file,
            """
            The certificate of addresses that begin with amqps://, with those between it and the authority, in PEM. It and \
            its key are read again when they have changed.
            """
        ) { $0.security.certificate = $1 },
        ValueSetting("tls-key", .file, "Its key, in PEM. (default: it is in the file of the certificate)") {
            $0.security.key = $1
        },
        ValueSetting(
            "tls-client-ca", .file,
            """
            The authorities, in PEM, whose certificates clients may log in with: by SASL EXTERNAL, as the user that \
            --tls-client-user says. (default: clients are not asked for a certificate)
            """
        ) { $0.security.clientAuthorities = $1 },
        ValueSetting(
            "tls-client-user", ValueKind<CertificateUser>.oneOf("name"),
            """
            What of a client's certificate is its user: subject, as in CN=alice,O=Example, common-name or \
            alternative-name. (default: subject)
            """
        ) { $0.security.certificateUser = $1 },
        SwitchSetting(
            "tls-client-required",
            "Whether clients that show no certificate are refused. (default: they may log in by a password)"
        ) { $0.security.isCertificateRequired = $1 },
        ValueSetting(
            "clear-passwords", ValueKind<Origin>.oneOf("where"),
            """
            From where passwords are taken that are sent in the clear, by PLAIN without TLS: on-loopback, never or \
            everywhere. SCRAM sends none. (default: on-loopback)
            """
        ) { $0.options.connection.allowsInsecureMechanisms = $1.allowance },
        ValueSetting(
            "max-connections-per-host", .count,
            "How many connections another machine may have at once. (default: 1000)"
        ) { $0.options.peerLimits.connectionsPerHost = $1 },
        ValueSetting(
            "max-connections-per-user", .count, "How many connections a user may have at once. (default: 1000)"
        ) { $0.options.peerLimits.connectionsPerUser = $1 },
    ]

    private static let checkRule: @Sendable (String, ArraySlice<String>) throws -> Void = { rule, others in
        do {
            _ = try AccessRules((others + [rule]).joined(separator: "\n"))
        } catch let error as ProtonError {
            // A group may be declared by a line to come, which is seen when all are there.
            if !error.message.contains("which no line declares") { throw Problem("is wrong: \(error.message)") }
        }
    }
}

/// Where peers are.
enum Origin: String, CaseIterable {
    case onLoopback = "on-loopback"
    case never
    case everywhere

    var allowance: Allowance {
        switch self {
        case .onLoopback: .onLoopback
        case .never: .never
        case .everywhere: .everywhere
        }
    }
}

/// What of a client's certificate is its user.
enum CertificateUser: String, CaseIterable {
    case subject
    case commonName = "common-name"
    case alternativeName = "alternative-name"

    var name: TLSServerOptions.UserName {
        switch self {
        case .subject: .subject
        case .commonName: .commonName
        case .alternativeName: .subjectAlternativeName
        }
    }
}
