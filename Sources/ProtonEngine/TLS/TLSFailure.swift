// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// Describes a TLS failure, based on tables of findings and reasons; it depends only on its arguments.
package struct TLSFailure: Equatable {
    /// What happened and what to do; the text follows the peer's name.
    package let message: String
    /// Whether another try is likely to succeed: the peer closed the connection, and did not refuse anything.
    package let isInterruption: Bool

    /// The role of this side, for the advice.
    enum Side: Equatable {
        case client(serverName: String)
        case server
    }

    /// Nil if the connection did not end because of TLS.
    /// - Parameters:
    ///   - finding: the finding of OpenSSL.
    ///   - progress: the progress of the handshake.
    ///   - condition: the condition of the transport, as proton sets it.
    init?(_ finding: TLSFinding?, _ progress: Progress, _ condition: Condition?, _ side: Side) {
        let text = condition?.description ?? ""
        let reason = TLSFailure.reason(in: text)
        switch finding {
        case .refusedCertificate(let code, let isPeersOwn, let certificate):
            self.init(refused: certificate, code, isPeersOwn, side)
            return
        case .alertReceived(let alert) where reason != nil || progress != .established:
            self.init(alert: alert, side)
            return
        case .alertReceived, .alertSent, nil: break
        }
        if let reason {
            self.init(reason: reason, text, progress, side)
        } else if progress == .waiting, side == .server, Self.isOfPlainClient(condition, text) {
            self.init("speaks no TLS, which this port is for.")
        } else if progress == .begun, condition == nil || text.contains("aborted") || text.contains(" - on read") {
            self.init(interruption: side)
        } else {
            return nil
        }
    }

    /// Whether a condition shows a client that continued without TLS: refused by SASL or after it, or closed by the client at
    /// once.
    private static func isOfPlainClient(_ condition: Condition?, _ text: String) -> Bool {
        if condition?.name == .unauthorizedAccess || text.contains("connection unencrypted") { return true }
        // A client that sent nothing at all is not meant.
        return text.contains("connection aborted") && !text.contains("No protocol header")
    }

    /// The progress of a handshake.
    enum Progress: Equatable {
        /// TLS is optional for the client.
        case notWanted
        case waiting
        case begun
        case established
    }

    private init(_ message: String, isInterruption: Bool = false) {
        (self.message, self.isInterruption) = (message, isInterruption)
    }

    /// The OpenSSL reason in proton's text for an error: `SSL Failure: error:0A00010B:SSL routines::wrong version number`.
    private static func reason(in text: String) -> Int? {
        // After another condition, it is only a consequence of that one.
        guard text.hasPrefix("SSL Failure") else { return nil }
        let digits = text.dropFirst("SSL Failure: error:".count).prefix { $0.isHexDigit }
        return Int(digits, radix: 16).map { $0 & 0x7F_FFFF } ?? 0
    }

    // MARK: A certificate that is refused

    private init(refused certificate: TLSCertificateSummary?, _ code: Int32, _ isPeersOwn: Bool, _ side: Side) {
        let whose = isPeersOwn ? "its certificate" : "a certificate that vouches for it"
        let issuer = certificate.map { "\"\($0.issuer)\"" } ?? "an authority"
        let isClient = if case .client = side { true } else { false }
        let option = isClient ? "trust of TLSClientOptions" : "clientCertificates of TLSServerOptions"
        let problem =
            switch code {
            case TLSRefusal.expired:
                "\(whose) has expired\(TLSFailure.time(certificate?.notAfter, " at ")): it has to be renewed, unless this "
                    + "system's clock is wrong"
            case TLSRefusal.notYetValid:
                "\(whose) is not valid\(TLSFailure.time(certificate?.notBefore, " before ")): is this system's clock right?"
            case TLSRefusal.otherName, TLSRefusal.otherAddress: TLSFailure.otherName(certificate, side)
            case TLSRefusal.selfSigned:
                "\(whose) is signed by itself, and not trusted: if it is the right one, name it in \(option)"
            case TLSRefusal.selfSignedAuthority, TLSRefusal.noIssuer, TLSRefusal.noLocalIssuer, TLSRefusal.noChain:
                "\(whose) was issued by \(issuer), which is not trusted: name that authority in \(option), or have the peer "
                    + "send the certificates between it and one that is trusted"
            case TLSRefusal.revoked: "\(whose) is revoked"
            case TLSRefusal.otherPurpose: "\(whose) is not made for a \(isClient ? "server" : "client")"
            case TLSRefusal.shortKey, TLSRefusal.shortAuthorityKey, TLSRefusal.weakSignature:
                "\(whose) has a key or a signature that is too weak for this system: it has to be made anew"
            default: "\(whose) is refused: \(TLSRefusal.text(code))"
            }
        self.init("cannot be trusted: \(problem).")
    }

    private static func otherName(_ certificate: TLSCertificateSummary?, _ side: Side) -> String {
        guard case .client(let name) = side else { return "its certificate is made out to another name" }
        let names = certificate?.names ?? []
        guard !names.isEmpty else {
            return
                "its certificate has no subject alternative name (\"\(certificate?.subject ?? "")\" does not count): it needs "
                + "one for \(name)"
        }
        return
            "its certificate is not for \(name), but for \(names.joined(separator: ", ")): use such a name in the URL, or as "
            + "serverName of TLSClientOptions"
    }

    /// A time in seconds since 1970, in the format of ISO 8601.
    static func time(_ seconds: Int64?, _ prefix: String = "") -> String {
        guard let seconds else { return "" }
        let (days, rest) = (Int(seconds.floorDivided(by: 86_400)), Int(seconds.floorRemainder(by: 86_400)))
        // Days since 1 March of the year 0, in eras of 400 years: http://howardhinnant.github.io/date_algorithms.html
        let shifted = days + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let day = shifted - era * 146_097
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let (dayOfMonth, civilMonth) = (dayOfYear - (153 * month + 2) / 5 + 1, month < 10 ? month + 3 : month - 9)
        let civilYear = year + era * 400 + (civilMonth <= 2 ? 1 : 0)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(prefix)\(civilYear)-\(two(civilMonth))-\(two(dayOfMonth))T"
            + "\(two(rest / 3_600)):\(two(rest / 60 % 60)):\(two(rest % 60))Z"
    }

    // MARK: The peer's alert

    private init(alert: UInt8, _ side: Side) {
        let isClient = if case .client = side { true } else { false }
        let mine = isClient ? "the certificate of TLSClientOptions" : "this listener's certificate"
        switch alert {
        case TLSAlert.certificateRequired:
            self.init("wants a certificate of this program: set certificate of TLSClientOptions.")
        case TLSAlert.handshakeFailure, TLSAlert.insufficientSecurity:
            let or = isClient ? ", or wants a certificate: see certificate of TLSClientOptions" : ""
            self.init("has no cipher or other parameter of TLS in common with this program\(or).")
        case TLSAlert.protocolVersion:
            self.init("speaks no version of TLS that this program may speak: see minimumVersion.")
        case TLSAlert.unknownAuthority: self.init("does not trust the authority that issued \(mine).")
        case TLSAlert.certificateExpired: self.init("refuses \(mine): it has expired.")
        case TLSAlert.certificateRevoked: self.init("refuses \(mine): it is revoked.")
        case TLSAlert.badCertificate, TLSAlert.unsupportedCertificate, TLSAlert.certificateUnknown,
            TLSAlert.accessDenied,
            TLSAlert.decryptError:
            self.init("refuses \(mine) (\(TLSAlert.text(alert))).")
        case TLSAlert.unrecognizedName:
            let name = if case .client(let name) = side { " \(name)" } else { "" }
            self.init("knows no server\(name): see serverName of TLSClientOptions.")
        case TLSAlert.internalError, TLSAlert.userCanceled:
            self.init("gave TLS up: \(TLSAlert.text(alert)).", isInterruption: true)
        default: self.init("ended TLS: \(TLSAlert.text(alert)).")
        }
    }

    // MARK: OpenSSL's error

    private init(reason: Int, _ text: String, _ progress: Progress, _ side: Side) {
        let isClient = if case .client = side { true } else { false }
        switch reason {
        case TLSReason.unexpectedEnd where progress == .established:
            self.init("went away without closing the connection.", isInterruption: true)
        case TLSReason.unexpectedEnd: self.init(interruption: side)
        case _ where progress == .established:
            // Damaged or forged in transit.
            self.init("sent what TLS cannot read: \(TLSFailure.words(text)).", isInterruption: true)
        case TLSReason.wrongVersion, TLSReason.unknownProtocol, TLSReason.longRecord, TLSReason.badRecord,
            TLSReason.httpRequest, TLSReason.proxyRequest:
            self.init(
                "speaks no TLS on this port: \(isClient ? "connect to the port that does, mostly 5671, or use amqp://" : "use its option for TLS")."
            )
        case TLSReason.unsupportedVersion, TLSReason.noVersion, TLSReason.lowVersion:
            self.init("speaks no version of TLS that this program may speak: see minimumVersion.")
        case TLSReason.noSharedCipher, TLSReason.noCiphers:
            self.init("has no cipher in common with this program: see ciphers and cipherSuites.")
        case TLSReason.noCertificate: self.init("has shown no certificate, and clients have to.")
        default: self.init("failed in the TLS handshake: \(TLSFailure.words(text)).")
        }
    }

    private init(interruption side: Side) {
        let why =
            switch side {
            case .client: "does its port speak TLS, and does it want a certificate?"
            case .server: "it may not trust this listener's certificate."
            }
        self.init("ended the connection within the TLS handshake: \(why)", isInterruption: true)
    }

    /// OpenSSL's text, without its numbers.
    private static func words(_ text: String) -> String {
        guard text.contains("SSL Failure: error:") else { return text }
        return text.split(separator: ":").last.map(String.init) ?? text
    }
}

extension BinaryInteger {
    fileprivate func floorDivided(by divisor: Self) -> Self { (self - floorRemainder(by: divisor)) / divisor }

    fileprivate func floorRemainder(by divisor: Self) -> Self {
        let rest = self % divisor
        return rest < 0 ? rest + divisor : rest
    }
}
