// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

#if Configuration

import Configuration
import Proton

/// The values of a configuration's keys, each asked for by its type.
///
/// `ConfigReader` takes a value of another type for a missing one; here it is an error. No error has the value: it may be secret.
struct Settings {
    private let config: ConfigReader

    /// The longest time in seconds: 49 days, what AMQP takes for an idle time-out (AMQP 1.0, 2.7.1).
    static let longest = 4_294_967.0

    init(_ config: ConfigReader) { self.config = config }

    /// The error of a key.
    /// - Parameter what: what is wrong, as the end of a sentence that begins with the key.
    func wrong(_ key: String, _ what: String, _ error: (any Error)? = nil) -> ProtonError {
        ProtonError(.invalidArgument, "The key \"\(key)\" of \(config) \(what).", underlyingError: error)
    }

    // MARK: Values; nil where there is none

    func text(_ key: String, isSecret: Bool = false) throws -> String? {
        if let text = config.string(forKey: ConfigKey(key), isSecret: isSecret) { return text }
        return try missing(key, isSecret: isSecret, "must be a text")
    }

    func flag(_ key: String) throws -> Bool? {
        if let flag = config.bool(forKey: ConfigKey(key)) { return flag }
        return try missing(key, "must be true or false")
    }

    func number(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        let bound =
            range.upperBound == .max
            ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
        let rule = "must be a whole number, \(bound)"
        guard let number = config.int(forKey: ConfigKey(key)) else { return try missing(key, rule) }
        guard range.contains(number) else { throw wrong(key, rule) }
        return number
    }

    func seconds(_ key: String, in range: ClosedRange<Double>) throws -> Duration? {
        let least = range.lowerBound == 0 ? "0" : "\(range.lowerBound)"
        let rule = "must be a number of seconds, from \(least) to \(Int(range.upperBound))"
        let whole = config.int(forKey: ConfigKey(key)).map { Double($0) }
        guard let seconds = whole ?? config.double(forKey: ConfigKey(key)) else { return try missing(key, rule) }
        guard range.contains(seconds) else { throw wrong(key, rule) }
        // Not zero where it is more: zero is for ever.
        return .milliseconds(max(Int64((seconds * 1_000).rounded()), seconds > 0 ? 1 : 0))
    }

    /// Names, in an array or separated by spaces.
    func names(_ key: String) throws -> [String]? {
        let name = ConfigKey(key)
        guard let texts = config.stringArray(forKey: name) ?? config.string(forKey: name).map({ [$0] }) else {
            return try missing(key, "must be a text, names separated by spaces, or an array of names")
        }
        return texts.flatMap { $0.split(separator: " ").map(String.init) }
    }

    /// The texts of URLs, each of which is one.
    func urls(_ key: String) throws -> [String]? {
        let name = ConfigKey(key)
        // An array first: a text of the environment is one too, of what its commas separate.
        let several = config.stringArray(forKey: name, isSecret: true)
        guard let urls = several ?? config.string(forKey: name, isSecret: true).map({ [$0] }) else {
            return try missing(key, isSecret: true, "must be a URL, or an array of them")
        }
        guard !urls.isEmpty else { throw wrong(key, "must be at least one URL") }
        for url in urls {
            do {
                _ = try AMQPURL(url)
            } catch {
                throw wrong(key, "is an \(error)", error)
            }
        }
        return urls
    }

    /// Nil where there is no value at all.
    /// - Throws: the error of a value of another type.
    private func missing<Value>(_ key: String, isSecret: Bool = false, _ rule: String) throws -> Value? {
        let name = ConfigKey(key)
        let isThere =
            config.string(forKey: name, isSecret: isSecret) != nil
            || config.int(forKey: name, isSecret: isSecret) != nil
            || config.double(forKey: name, isSecret: isSecret) != nil
            || config.bool(forKey: name, isSecret: isSecret) != nil
            || config.stringArray(forKey: name, isSecret: isSecret) != nil
        if isThere { throw wrong(key, rule) }
        return nil
    }
}

#endif
