import Logging
import ProtonBroker

/// What is wrong with the value of an option, as the end of a sentence that names the option.
struct Problem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Reads the values of options, from the command line and from the configuration file alike.
enum OptionValue {
    /// A number of things: at least one.
    static func count(_ text: String) throws -> Int {
        guard let count = Int(text), count >= 1 else { throw Problem("must be a whole number, at least 1") }
        return count
    }

    /// A number of threads, of which each takes memory.
    static func threads(_ text: String) throws -> Int {
        guard let count = Int(text), (1...1_024).contains(count) else {
            throw Problem("must be a whole number from 1 to 1024")
        }
        return count
    }

    /// A number of bytes: `65536`, `64KiB`, `16MiB`, `1GiB`.
    static func size(_ text: String) throws -> Int {
        let problem = Problem("must be a number of bytes, at least 1, as in 65536, 64KiB, 16MiB or 1GiB")
        let units = [("KiB", 1_024), ("MiB", 1_024 * 1_024), ("GiB", 1_024 * 1_024 * 1_024)]
        let (suffix, factor) = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        guard let count = Int(text.dropLast(suffix.count)), count >= 1 else { throw problem }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw problem }
        return bytes
    }

    /// A time in seconds, up to a day.
    static func seconds(_ text: String) throws -> Duration {
        guard let seconds = Double(text), seconds >= 0, seconds <= 86_400 else {
            throw Problem("must be a number of seconds, from 0 to 86400")
        }
        return .milliseconds(Int64((seconds * 1_000).rounded()))
    }

    /// The path of a file.
    static func file(_ text: String) throws -> String {
        guard !text.isEmpty else { throw Problem("must be the path of a file") }
        return text
    }

    /// The address of a queue.
    static func address(_ text: String) throws -> String {
        guard !text.isEmpty, text.utf8.count <= 1_024 else {
            throw Problem("must be an address of 1 to 1024 bytes")
        }
        return text
    }

    /// A queue with its settings: `orders`, `orders,exclusive,messages=1000,bytes=1MiB,when-full=reject`.
    static func queue(_ text: String) throws -> QueueOption {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        var queue = QueueOption(address: try address(parts[0]))
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            switch (pair[0], pair.count == 2 ? pair[1] : nil) {
            case ("exclusive", nil): queue.isExclusive = true
            case ("messages", let value?): queue.messages = try setting("messages", value, count)
            case ("bytes", let value?): queue.bytes = try setting("bytes", value, size)
            case ("when-full", let value?): queue.whenFull = try setting("when-full", value, whenFull)
            default:
                throw Problem(
                    "has '\(part)', which is no setting of a queue: those are exclusive, messages=N, bytes=SIZE "
                        + "and when-full=POLICY")
            }
        }
        return queue
    }

    private static func setting<Value>(
        _ name: String, _ text: String, _ read: (String) throws -> Value
    ) throws -> Value {
        do {
            return try read(text)
        } catch {
            throw Problem("has '\(name)=\(text)', whose value \(error)")
        }
    }

    /// What a full queue does.
    static func whenFull(_ text: String) throws -> WhenFull { try oneOf(text) }

    /// The least level of the log lines that are written.
    static func logLevel(_ text: String) throws -> LogLevel { try oneOf(text) }

    private static func oneOf<Value: RawRepresentable & CaseIterable>(
        _ text: String
    ) throws -> Value where Value.RawValue == String {
        guard let value = Value(rawValue: text) else {
            throw Problem("must be one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
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

/// The least level of the log lines that are written.
enum LogLevel: String, CaseIterable {
    case trace, debug, info, notice, warning, error

    var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

/// A queue to declare, with those of its settings that are given.
struct QueueOption {
    var address: String
    var isExclusive = false
    var messages: Int?
    var bytes: Int?
    var whenFull: WhenFull?

    /// - Parameter limits: what holds for all queues.
    func declaration(_ limits: QueueLimits) -> QueueDeclaration {
        let own = QueueLimits(
            messages: messages ?? limits.messages, bytes: bytes ?? limits.bytes,
            policy: whenFull?.policy ?? limits.policy)
        return QueueDeclaration(address, limits: own, isExclusive: isExclusive)
    }
}
