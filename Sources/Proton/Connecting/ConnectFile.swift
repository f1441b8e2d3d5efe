// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import ProtonUtilities

/// The file `connect.json`, which configures `Container.connect` without a URL.
///
/// Its location and its keys are common to the languages of the Qpid project. It may have comments, `//` and `/* */`.
///
/// | key | value | default |
/// | --- | --- | --- |
/// | `scheme` | `amqp` or `amqps` | `amqps` |
/// | `host` | a name or an address | `localhost` |
/// | `port` | a number, or `amqp` or `amqps` | the scheme's |
/// | `user`, `password` | strings | none |
/// | `sasl.enabled` (or `sasl.enable`) | a Boolean | true |
/// | `sasl.mechanisms` | a string, names separated by spaces, or an array of names | all |
/// | `sasl.allow_insecure` | a Boolean | the options' |
/// | `tls.ca` | a file or a directory of authorities that are trusted besides the system's | none |
/// | `tls.cert`, `tls.key` | files of the client's certificate and of its key | none; the certificate's file |
/// | `tls.verify` | a Boolean: whether the server's certificate and its name are verified | true |
///
/// `tls` is for `amqps` only.
package struct ConnectFile {
    package var url: AMQPURL
    private var usesSASL: Bool?
    private var mechanisms: [String]?
    private var allowsInsecureMechanisms: Bool?
    private var tls: TLSClientOptions?
    /// Unknown keys, for a warning.
    package private(set) var unknownKeys: [String] = []

    /// The path of the file: that of `MESSAGING_CONNECT_FILE`, or the first file of the search path that exists.
    package static func find(
        named: String? = getenv("MESSAGING_CONNECT_FILE").map { String(cString: $0) },
        home: String? = getenv("HOME").map { String(cString: $0) }
    ) throws(ProtonError) -> String {
        if let named, !named.isEmpty { return named }
        let folders = ["."] + (home.map { ["\($0)/.config/messaging"] } ?? []) + ["/etc/messaging"]
        let paths = folders.map { "\($0)/connect.json" }
        if let path = paths.first(where: { access($0, R_OK) == 0 }) { return path }
        throw ProtonError(
            .invalidArgument,
            "To connect without a URL a file connect.json is needed, and there is none of \(paths.joined(separator: ", "))."
        )
    }

    /// Reads a file.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file and the wrong key.
    package init(path: String) throws(ProtonError) {
        try self.init(ConnectFile.json { () throws(JSONFileError) in try JSONFile.read(path) }, path: path)
    }

    /// Parses the content of a file.
    init(_ data: Data, path: String) throws(ProtonError) {
        try self.init(ConnectFile.json { () throws(JSONFileError) in try JSONFile.parse(data, path: path) }, path: path)
    }

    /// Reads JSON, and converts its error into the error of an invalid argument.
    private static func json(_ read: () throws(JSONFileError) -> JSONValue) throws(ProtonError) -> JSONValue {
        do {
            return try read()
        } catch {
            throw ProtonError(.invalidArgument, error.message)
        }
    }

    private init(_ root: JSONValue, path: String) throws(ProtonError) {
        var keys = try Keys(root, path: path, prefix: "")
        let scheme = try keys.text("scheme") ?? "amqps"
        guard let known = AMQPURL.Scheme(rawValue: scheme) else { throw keys.wrong("scheme", "must be amqp or amqps") }
        let host = try keys.text("host") ?? "localhost"
        url = AMQPURL(
            scheme: known, user: try keys.text("user"), password: try keys.text("password"), host: host,
            port: try keys.port("port"))
        if var sasl = try keys.object("sasl") {
            let (python, cpp) = (try sasl.flag("enabled"), try sasl.flag("enable"))
            usesSASL = python ?? cpp
            mechanisms = try sasl.names("mechanisms")
            allowsInsecureMechanisms = try sasl.flag("allow_insecure")
            unknownKeys += sasl.unknownKeys
        }
        if var tls = try keys.object("tls") {
            guard known == .amqps else { throw keys.wrong("tls", "is for amqps only, and the scheme is amqp") }
            self.tls = try ConnectFile.tls(&tls)
            unknownKeys += tls.unknownKeys
        }
        unknownKeys += keys.unknownKeys
    }

    private static func tls(_ keys: inout Keys) throws(ProtonError) -> TLSClientOptions {
        var options = TLSClientOptions()
        if let authorities = try keys.text("ca") { options.trust = .system.adding(.file(authorities)) }
        let (certificate, key) = (try keys.text("cert"), try keys.text("key"))
        if let certificate {
            options.certificate = TLSCertificate(file: certificate, keyFile: key)
        } else if key != nil {
            throw keys.wrong("key", "is the key of a certificate, and there is no \"tls.cert\"")
        }
        if try keys.flag("verify") == false { options.verification = .insecureNoVerification }
        return options
    }

    /// Adds the file's settings to options; settings of the program are kept.
    package func complete(_ options: ConnectionOptions) -> ConnectionOptions {
        var options = options
        if let usesSASL { options.usesSASL = options.usesSASL && usesSASL }
        if let tls, options.tls == nil { options.tls = tls }
        if let mechanisms, options.allowedMechanisms.isEmpty { options.allowedMechanisms = mechanisms }
        if let allowsInsecureMechanisms {
            // The file's value counts unless the program has forbidden it.
            if options.allowsInsecureMechanisms != .never {
                options.allowsInsecureMechanisms = Allowance(allowsInsecureMechanisms)
            }
        }
        return options
    }
}

/// The keys of one object in the file, with functions to read them by type.
private struct Keys {
    private let path: String
    private let prefix: String
    private let members: [String: JSONValue]
    private var known: Set<String> = []

    init(_ value: JSONValue, path: String, prefix: String) throws(ProtonError) {
        guard case .object(let members) = value else {
            let what = prefix.isEmpty ? "the file" : "\"\(prefix.dropLast())\""
            throw ProtonError(.invalidArgument, "\(path): \(what) must be an object, in braces.")
        }
        (self.members, self.path, self.prefix) = (members, path, prefix)
    }

    var unknownKeys: [String] { members.keys.filter { !known.contains($0) }.map { prefix + $0 }.sorted() }

    func wrong(_ key: String, _ what: String) -> ProtonError {
        ProtonError(.invalidArgument, "\(path): \"\(prefix)\(key)\" \(what).")
    }

    /// The value of a key; nil if it is missing or null.
    private mutating func member(_ key: String) -> JSONValue? {
        known.insert(key)
        if case .null = members[key] { return nil }
        return members[key]
    }

    mutating func text(_ key: String) throws(ProtonError) -> String? {
        switch member(key) {
        case nil: return nil
        case .text(let text): return text
        default: throw wrong(key, "must be a text")
        }
    }

    mutating func flag(_ key: String) throws(ProtonError) -> Bool? {
        switch member(key) {
        case nil: return nil
        case .flag(let flag): return flag
        default: throw wrong(key, "must be true or false")
        }
    }

    mutating func port(_ key: String) throws(ProtonError) -> Int? {
        switch member(key) {
        case nil: return nil
        case .number(let number) where number >= 1 && number <= 65_535 && number == number.rounded():
            return Int(number)
        case .text(let name):
            if let scheme = AMQPURL.Scheme(rawValue: name) { return scheme.defaultPort }
            if let number = UInt16(name), number > 0 { return Int(number) }
        default: break
        }
        throw wrong(key, "must be a number from 1 to 65,535, or amqp or amqps")
    }

    mutating func names(_ key: String) throws(ProtonError) -> [String]? {
        switch member(key) {
        case nil: return nil
        case .text(let text): return text.split(separator: " ").map(String.init)
        case .array(let values):
            let names = values.compactMap { value in if case .text(let name) = value { name } else { nil } }
            if names.count == values.count { return names }
        default: break
        }
        throw wrong(key, "must be a text, names separated by spaces, or an array of names")
    }

    mutating func object(_ key: String) throws(ProtonError) -> Keys? {
        guard let value = member(key) else { return nil }
        return try Keys(value, path: path, prefix: "\(prefix)\(key).")
    }
}
