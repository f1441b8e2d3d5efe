// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP
import Testing

@testable import ProtonEngine

/// What is said of each thing that goes wrong with TLS: a table.
struct TLSFailureTests {
    private static let client = TLSFailure.Side.client(serverName: "broker.example")

    private static func summary(_ names: [String] = ["DNS:a", "IP:10.0.0.1"]) -> TLSCertificateSummary {
        TLSCertificateSummary(
            subject: "CN=leaf", issuer: "CN=authority", names: names, notBefore: 1_900_000_000, notAfter: 1_000_000_000)
    }

    private static func refused(_ code: Int32, _ names: [String] = ["DNS:a", "IP:10.0.0.1"]) -> TLSFinding {
        .refusedCertificate(code: code, isPeersOwn: true, summary(names))
    }

    private static func proton(_ reason: Int, _ words: String) -> Condition {
        let code = String(0x0A00_0000 + reason, radix: 16, uppercase: true)
        return Condition(.framingError, "SSL Failure: error:0\(code):SSL routines::\(words)")
    }

    struct Row: CustomTestStringConvertible {
        var finding: TLSFinding?
        var progress = TLSFailure.Progress.begun
        var condition: Condition?
        var side = TLSFailureTests.client
        /// A part of the message; nil is that it was not TLS.
        var part: String?
        var isInterruption = false
        var testDescription: String { part ?? "not TLS" }
    }

    static let rows: [Row] = [
        Row(finding: refused(TLSRefusal.expired), part: "has expired at 2001-09-09T01:46:40Z"),
        Row(finding: refused(TLSRefusal.notYetValid), part: "is not valid before 2030-03-17T17:46:40Z"),
        Row(
            finding: refused(TLSRefusal.otherName),
            part: "not for broker.example, but for DNS:a, IP:10.0.0.1: use such a name"),
        Row(
            finding: refused(TLSRefusal.otherName, []), part: "no subject alternative name (\"CN=leaf\" does not count)"
        ),
        Row(finding: refused(TLSRefusal.selfSigned), part: "signed by itself"),
        Row(finding: refused(TLSRefusal.noLocalIssuer), part: "was issued by \"CN=authority\", which is not trusted"),
        Row(finding: refused(TLSRefusal.otherPurpose), part: "not made for a server"),
        Row(finding: refused(TLSRefusal.otherPurpose), side: .server, part: "not made for a client"),
        Row(finding: refused(TLSRefusal.shortKey), part: "too weak"),
        Row(finding: refused(1_000), part: "is refused: "),
        Row(
            finding: .refusedCertificate(code: TLSRefusal.expired, isPeersOwn: false, nil),
            part: "a certificate that vouches for it has expired: "),
        Row(finding: .alertReceived(TLSAlert.certificateRequired), part: "wants a certificate of this program"),
        Row(
            finding: .alertReceived(TLSAlert.certificateRequired), progress: .established,
            condition: proton(1_116, "tlsv13 alert certificate required"), part: "wants a certificate of this program"),
        Row(finding: .alertReceived(TLSAlert.unknownAuthority), side: .server, part: "this listener's certificate"),
        Row(finding: .alertReceived(TLSAlert.unknownAuthority), part: "the certificate of TLSClientOptions"),
        Row(finding: .alertReceived(TLSAlert.handshakeFailure), part: "or wants a certificate"),
        Row(finding: .alertReceived(TLSAlert.protocolVersion), part: "see minimumVersion"),
        Row(finding: .alertReceived(TLSAlert.unrecognizedName), part: "knows no server broker.example"),
        Row(finding: .alertReceived(TLSAlert.internalError), part: "gave TLS up", isInterruption: true),
        Row(finding: .alertReceived(200), part: "ended TLS"),
        Row(condition: proton(TLSReason.wrongVersion, "wrong version number"), part: "5671, or use amqp://"),
        Row(condition: proton(TLSReason.httpRequest, "http request"), side: .server, part: "use its option for TLS"),
        Row(
            finding: .alertSent(TLSAlert.protocolVersion),
            condition: proton(TLSReason.unsupportedVersion, "unsupported protocol"), part: "see minimumVersion"),
        Row(
            condition: proton(TLSReason.noSharedCipher, "no shared cipher"), side: .server, part: "no cipher in common"),
        Row(
            condition: proton(TLSReason.noCertificate, "peer did not return a certificate"), side: .server,
            part: "has shown no certificate"),
        Row(condition: proton(2, "odd things"), part: "failed in the TLS handshake: odd things."),
        Row(
            condition: proton(TLSReason.unexpectedEnd, "unexpected eof while reading"), part: "does its port speak TLS",
            isInterruption: true),
        Row(condition: nil, side: .server, part: "it may not trust this listener's", isInterruption: true),
        Row(
            condition: Condition("proton:io", "Connection reset by peer - on read"), part: "within",
            isInterruption: true),
        Row(
            progress: .waiting,
            condition: Condition("amqp:connection:policy-error", "Client connection unencrypted - forbidden"),
            side: .server, part: "speaks no TLS"),
        Row(
            progress: .established, condition: proton(TLSReason.unexpectedEnd, "unexpected eof while reading"),
            part: "went away without closing", isInterruption: true),
        Row(
            progress: .established, condition: proton(281, "decryption failed or bad record mac"),
            part: "what TLS cannot read: decryption failed", isInterruption: true),
        Row(progress: .established, condition: Condition(.framingError, "connection aborted")),
        Row(progress: .established, condition: nil),
        Row(
            progress: .waiting, condition: Condition(.unauthorizedAccess, "Authentication failed [mech=none]"),
            side: .server, part: "speaks no TLS"),
        Row(progress: .notWanted, condition: Condition(.unauthorizedAccess, "Authentication failed"), side: .server),
        Row(progress: .notWanted, condition: nil, side: .server),
        Row(
            progress: .waiting, condition: Condition(.framingError, "connection aborted"), side: .server,
            part: "speaks no TLS"),
        Row(
            progress: .waiting,
            condition: Condition(.framingError, "No protocol header found (connection aborted)"), side: .server),
        Row(
            progress: .established,
            condition: Condition("proton:other", "Something (SSL Failure: error:0A000126:SSL routines::unexpected eof)")
        ),
        Row(progress: .waiting, condition: Condition("proton:io", "Connection refused - connect to 127.0.0.1:5671")),
        Row(condition: Condition("proton:handshake-timeout", "No open frame came within 10 seconds.")),
    ]

    @Test(arguments: rows) func message(_ row: Row) {
        let failure = TLSFailure(row.finding, row.progress, row.condition, row.side)
        guard let part = row.part else {
            #expect(failure == nil)
            return
        }
        #expect(failure?.message.contains(part) == true, "\(failure?.message ?? "none")")
        #expect(failure?.isInterruption == row.isInterruption)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
        ])
    func times(_ seconds: Int64, _ text: String) {
        #expect(TLSFailure.time(seconds) == text)
    }

    @Test(
        arguments: [
            ("a.example", TLSServerName.name("a.example")), ("a.example.", .name("a.example")),
            ("127.0.0.1", .address("127.0.0.1")), ("::1", .address("::1")), ("fe80::1%eth0", .address("fe80::1")),
            ("", nil), (".example", nil), ("a b", nil), ("a\0b", nil), (String(repeating: "a", count: 256), nil),
        ])
    func serverNames(_ text: String, _ name: TLSServerName?) {
        #expect(TLSServerName(text) == name)
    }
}
