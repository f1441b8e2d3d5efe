// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Proton
import ProtonBroker
import ProtonUtilities

/// A kind of values of settings: how the command line and a file have them.
struct ValueKind<Value: Sendable>: Sendable {
    /// How a file has such a value.
    enum Form {
        /// As a number.
        case number
        /// As a number, or as a text as on the command line.
        case numberOrText
        /// As a text as on the command line.
        case text
        /// As such a text, or as an object, which is read by the closure.
        case textOrObject(@Sendable (_ members: [String: JSONValue], _ path: String) throws -> Value)
    }

    /// How the help calls a value.
    let name: String
    let form: Form
    var completion: CompletionKind?
    /// Reads a value as the command line has it.
    /// - Throws: `Problem` that does not name the value.
    let read: @Sendable (_ text: String) throws -> Value

    /// Reads a value of a file.
    /// - Throws: `Problem` that names the value.
    func read(_ value: JSONValue, _ path: String) throws -> Value {
        func read(_ text: String) throws -> Value { try Problem.naming(path) { try self.read(text) } }
        switch (form, value) {
        case (.number, .number(let number)), (.numberOrText, .number(let number)):
            return try read(Int(exactly: number).map(String.init) ?? "\(number)")
        case (.number, .text):
            // What it has to be is said as for a number that is wrong.
            do {
                return try read("")
            } catch {
                throw Problem("\(error), without quotes")
            }
        case (.number, _): return try read("")
        case (.numberOrText, .text(let text)), (.text, .text(let text)), (.textOrObject, .text(let text)):
            return try read(text)
        case (.numberOrText, _): return try read("")
        case (.text, _): throw Problem("\"\(path)\" must be a text")
        case (.textOrObject(let readObject), .object(let members)): return try readObject(members, path)
        case (.textOrObject, _): throw Problem("\"\(path)\" must be a text, or an object with an \"address\"")
        }
    }
}

/// What is wrong with the value of a setting, as the end of a sentence that names the setting.
struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    /// Has what `body` throws name the value.
    static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch {
            throw Problem("\"\(path)\" \(error)")
        }
    }
}

// MARK: Numbers

extension ValueKind<Int> {
    /// A number of things: at least one.
    static let count = ValueKind(name: "n", form: .number) { text in
        guard let count = Int(text), count >= 1 else { throw Problem("must be a whole number, at least 1") }
        return count
    }

    /// A number of threads, of which each takes memory.
    static let threads = ValueKind(name: "n", form: .number) { text in
        guard let count = Int(text), (1...1_024).contains(count) else {
            throw Problem("must be a whole number from 1 to 1024")
        }
        return count
    }

    /// A number of bytes: `65536`, `64KiB`, `16MiB`, `1GiB`.
    static let size = ValueKind(name: "size", form: .numberOrText) { text in
        let problem = Problem("must be a number of bytes, at least 1, as in 65536, 64KiB, 16MiB or 1GiB")
        let units = [("KiB", 1_024), ("MiB", 1_024 * 1_024), ("GiB", 1_024 * 1_024 * 1_024)]
        let (suffix, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        guard let count = Int(text.dropLast(suffix.count)), count >= 1 else { throw problem }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw problem }
        return bytes
    }
}

extension ValueKind<Duration> {
    /// A time in seconds, up to a day.
    static let seconds = ValueKind(name: "seconds", form: .number) { text in
        guard let seconds = Double(text), seconds >= 0, seconds <= 86_400 else {
            throw Problem("must be a number of seconds, from 0 to 86400")
        }
        return .milliseconds(Int64((seconds * 1_000).rounded()))
    }
}

// MARK: Texts

extension ValueKind<String> {
    /// Any text.
    static func text(_ name: String) -> ValueKind { ValueKind(name: name, form: .text) { $0 } }

    /// The path of a file.
    static let file = ValueKind(name: "file", form: .text, completion: .file()) { text in
        guard !text.isEmpty else { throw Problem("must be the path of a file") }
        return text
    }

    /// The address of a queue.
    static let address = ValueKind(name: "address", form: .text) { text in
        guard !text.isEmpty, text.utf8.count <= 1_024 else {
            throw Problem("must be an address of 1 to 1024 bytes")
        }
        return text
    }
}

// MARK: Names

extension ValueKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the names of a type.
    static func oneOf(_ name: String) -> ValueKind {
        let names = Value.allCases.map(\.rawValue)
        return ValueKind(name: name, form: .text, completion: .list(names)) { text in
            guard let value = Value(rawValue: text) else {
                throw Problem("must be one of \(names.joined(separator: ", "))")
            }
            return value
        }
    }
}

/// What a full queue does, by the names that options have for it.
enum WhenFull: String, CaseIterable {
    case withholdCredit = "withhold-credit"
    case reject
    case dropOldest = "drop-oldest"

    var policy: QueueLimits.Policy {
        switch self {
        case .withholdCredit: .withholdCredit
        case .reject: .reject
        case .dropOldest: .dropOldest
        }
    }
}

/// What a full durable subscription does.
enum WhenSubscriptionFull: String, CaseIterable {
    case dropOldest = "drop-oldest"
    case reject

    var policy: QueueLimits.Policy {
        switch self {
        case .dropOldest: .dropOldest
        case .reject: .reject
        }
    }
}

/// The least level of the log lines that are written.
enum LogLevel: String, CaseIterable {
    case trace, debug, info, notice, warning, error

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}
