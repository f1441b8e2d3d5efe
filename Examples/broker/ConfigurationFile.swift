import Proton
import ProtonBroker
import ProtonUtilities

/// A file of options, in JSON: `{"address": ["localhost:5672"], "threads": 2, "queue": ["orders"]}`.
///
/// Its keys are the names of the options on the command line. Comments are allowed in it, `//` and `/* */`, and the rest
/// of JSON5.
struct ConfigurationFile {
    private let path: String
    private let root: JSONValue

    /// Reads a file.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file.
    init(path: String) throws {
        self.path = path
        root = try JSONFile.read(path)
    }

    /// Adds what the file says.
    /// - Throws: `ProtonError.Code.invalidArgument` that names the file, and the key that is wrong.
    func apply(to configuration: inout Configuration) throws {
        do {
            var keys = try Keys(root)
            try ConfigurationFile.read(&keys, into: &configuration)
            try keys.checkAllAreKnown()
        } catch let problem as Problem {
            throw ProtonError(.invalidArgument, "\(path): \(problem).")
        }
    }

    private static func read(_ keys: inout Keys, into configuration: inout Configuration) throws {
        configuration.addresses = try keys.texts("address", listenAddress) ?? configuration.addresses
        configuration.queues = try queues(&keys) ?? configuration.queues
        configuration.storeFile = try keys.text("store", OptionValue.file) ?? configuration.storeFile
        configuration.logLevel = try keys.text("log-level", OptionValue.logLevel) ?? configuration.logLevel
        var options = configuration.options
        options.threads = try keys.number("threads", OptionValue.threads) ?? options.threads
        options.containerID = try keys.text("container-id") ?? options.containerID
        options.maxConnections = try keys.count("max-connections") ?? options.maxConnections
        options.connection.limits.idleTimeout =
            try keys.seconds("heartbeat") ?? options.connection.limits.idleTimeout
        options.connection.limits.maxMessageSize =
            try keys.size("max-message-size") ?? options.connection.limits.maxMessageSize
        options.makesQueues = try keys.flag("on-demand-queues") ?? options.makesQueues
        options.topics = try keys.texts("topic") { $0 } ?? options.topics
        options.deadLetterAddress = try keys.text("dead-letter", OptionValue.address) ?? options.deadLetterAddress
        options.queueLimits.messages = try keys.count("queue-messages") ?? options.queueLimits.messages
        options.queueLimits.bytes = try keys.size("queue-bytes") ?? options.queueLimits.bytes
        options.queueLimits.policy =
            try keys.text("when-full", OptionValue.whenFull)?.policy ?? options.queueLimits.policy
        options.maxQueues = try keys.count("max-queues") ?? options.maxQueues
        options.maxBytes = try keys.size("max-bytes") ?? options.maxBytes
        options.maxUnsettled = try keys.count("max-unsettled") ?? options.maxUnsettled
        options.creditWindow = try keys.count("credit") ?? options.creditWindow
        options.stopGrace = try keys.seconds("stop-grace") ?? options.stopGrace
        configuration.options = options
    }

    private static func listenAddress(_ text: String) throws -> String {
        do {
            _ = try AMQPURL(text)
        } catch {
            throw Problem("is no address to listen on: \(error)")
        }
        return text
    }

    /// Queues, each as on the command line, or as an object for addresses with a comma in them.
    private static func queues(_ keys: inout Keys) throws -> [QueueOption]? {
        guard let items = keys.items("queue") else { return nil }
        var queues: [QueueOption] = []
        for (name, value) in items {
            let queue: QueueOption
            switch value {
            case .text(let text): queue = try keys.read(name, text, OptionValue.queue)
            case .object:
                var settings = try Keys(value, name)
                let address = try settings.text("address", OptionValue.address)
                let (isExclusive, messages) = (try settings.flag("exclusive"), try settings.count("messages"))
                let (bytes, whenFull) = (
                    try settings.size("bytes"), try settings.text("when-full", OptionValue.whenFull)
                )
                try settings.checkAllAreKnown()
                guard let address else { throw Problem("\"\(name).address\" is missing") }
                queue = QueueOption(
                    address: address, isExclusive: isExclusive ?? false, messages: messages, bytes: bytes,
                    whenFull: whenFull)
            default: throw Problem("\"\(name)\" must be a text, or an object with an \"address\"")
            }
            guard !queues.contains(where: { $0.address == queue.address }) else {
                throw Problem("\"\(name)\" declares the queue '\(queue.address)', which is there already")
            }
            queues.append(queue)
        }
        return queues
    }
}

/// The keys of an object in the file, each asked for by its type; a key that is missing, or null, is nil.
private struct Keys {
    private let members: [String: JSONValue]
    /// The name of the object, with a full stop; empty for the whole file.
    private let prefix: String
    private var known: Set<String> = []

    init(_ value: JSONValue, _ name: String = "") throws {
        guard case .object(let members) = value else { throw Problem("the file must hold an object, in braces") }
        self.members = members
        prefix = name.isEmpty ? "" : "\(name)."
    }

    func checkAllAreKnown() throws {
        guard let key = members.keys.filter({ !known.contains($0) }).min() else { return }
        throw Problem("\"\(prefix)\(key)\" is no key here: those are \(known.sorted().joined(separator: ", "))")
    }

    private mutating func member(_ key: String) -> JSONValue? {
        known.insert(key)
        if case .null = members[key] { return nil }
        return members[key]
    }

    /// Reads a value that is written as on the command line.
    func read<Value>(_ name: String, _ text: String, _ read: (String) throws -> Value) throws -> Value {
        do {
            return try read(text)
        } catch {
            throw Problem("\"\(name)\" \(error)")
        }
    }

    private func wrong(_ key: String, _ what: String) -> Problem { Problem("\"\(prefix)\(key)\" \(what)") }

    mutating func text<Value>(_ key: String, _ read: (String) throws -> Value) throws -> Value? {
        switch member(key) {
        case nil: return nil
        case .text(let text): return try self.read(prefix + key, text, read)
        default: throw wrong(key, "must be a text")
        }
    }

    mutating func text(_ key: String) throws -> String? { try text(key) { $0 } }

    mutating func flag(_ key: String) throws -> Bool? {
        switch member(key) {
        case nil: return nil
        case .flag(let flag): return flag
        default: throw wrong(key, "must be true or false")
        }
    }

    mutating func count(_ key: String) throws -> Int? { try number(key, OptionValue.count) }

    mutating func seconds(_ key: String) throws -> Duration? { try number(key, OptionValue.seconds) }

    mutating func size(_ key: String) throws -> Int? {
        if case .text(let text) = member(key) { return try read(prefix + key, text, OptionValue.size) }
        return try number(key, OptionValue.size)
    }

    mutating func number<Value>(_ key: String, _ read: (String) throws -> Value) throws -> Value? {
        switch member(key) {
        case nil: return nil
        case .number(let number):
            return try self.read(prefix + key, Int(exactly: number).map(String.init) ?? "\(number)", read)
        // What it has to be is said as for a number that is wrong.
        case .text:
            do {
                return try self.read(prefix + key, "", read)
            } catch {
                throw Problem("\(error), without quotes")
            }
        default: return try self.read(prefix + key, "", read)
        }
    }

    /// The values of an array with their names, or the one value that stands in its place.
    mutating func items(_ key: String) -> [(name: String, value: JSONValue)]? {
        switch member(key) {
        case nil: nil
        case .array(let values): values.enumerated().map { ("\(prefix)\(key)[\($0.offset)]", $0.element) }
        case let value?: [(prefix + key, value)]
        }
    }

    mutating func texts(_ key: String, _ read: (String) throws -> String) throws -> [String]? {
        try items(key)?.map { name, value in
            guard case .text(let text) = value else { throw Problem("\"\(name)\" must be a text") }
            return try self.read(name, text, read)
        }
    }
}
