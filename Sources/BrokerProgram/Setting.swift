// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ProtonUtilities

/// Something that is set, such as an option of the program, by its name: on the command line, or by a key in a file.
///
/// It is declared once, in `Settings` and in `QueueOption.settings`: the flags, the keys and the help are made of that.
protocol Setting<Target>: Sendable {
    associatedtype Target
    /// The long name of the flag, and the key.
    var name: String { get }
    /// How the value is called in the help; nil where there is none.
    var valueName: String? { get }
    /// The wrapper by which `ArgumentParser` makes the flag.
    var flag: Any { get }

    /// What the command line sets; nil where the flag is not there.
    func change(
        in container: KeyedDecodingContainer<SettingKey>
    ) throws -> Change<Target>?

    /// What a value of a file sets.
    /// - Parameter path: how errors call the value.
    /// - Throws: `Problem` that names the value.
    func change(from value: JSONValue, _ path: String) throws -> Change<Target>

    /// What a text sets, as in `name=text`, or `name` alone where the text is nil; nil where the setting is not so given.
    /// - Throws: `Problem` that does not name the value.
    func change(from text: String?) throws -> Change<Target>?
}

/// A change of what is set.
struct Change<Target>: Sendable {
    let apply: @Sendable (inout Target) -> Void
}

/// A name of a setting as `Decodable` has it.
struct SettingKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// A setting with one value.
struct ValueSetting<Target, Value: Sendable>: Setting {
    let name: String
    let kind: ValueKind<Value>
    let help: String
    let set: @Sendable (inout Target, Value) -> Void

    var valueName: String? { kind.name }

    /// - Parameters:
    ///   - help: what it is, with the default.
    ///   - set: what becomes of a value.
    init(
        _ name: String, _ kind: ValueKind<Value>, _ help: String = "",
        set: @escaping @Sendable (inout Target, Value) -> Void
    ) {
        (self.name, self.kind, self.help, self.set) = (name, kind, help, set)
    }

    var flag: Any {
        Option<Change<Target>?>(
            name: .customLong(name), help: ArgumentHelp(help, valueName: kind.name), completion: kind.completion
        ) { text in change(to: try kind.read(text)) }
    }

    func change(in container: KeyedDecodingContainer<SettingKey>) throws -> Change<Target>? {
        try container.decode(Option<Change<Target>?>.self, forKey: SettingKey(stringValue: name)).wrappedValue
    }

    func change(from value: JSONValue, _ path: String) throws -> Change<Target> {
        change(to: try kind.read(value, path))
    }

    func change(from text: String?) throws -> Change<Target>? { try text.map { change(to: try kind.read($0)) } }

    private func change(to value: Value) -> Change<Target> { Change { set(&$0, value) } }
}

/// A setting that is true or false: `--name` and `--no-name`.
struct SwitchSetting<Target>: Setting {
    let name: String
    let help: String
    let set: @Sendable (inout Target, Bool) -> Void

    var valueName: String? { nil }

    init(_ name: String, _ help: String = "", set: @escaping @Sendable (inout Target, Bool) -> Void) {
        (self.name, self.help, self.set) = (name, help, set)
    }

    var flag: Any { Flag<Bool?>(name: .customLong(name), inversion: .prefixedNo, help: ArgumentHelp(help)) }

    func change(in container: KeyedDecodingContainer<SettingKey>) throws -> Change<Target>? {
        let isOn = try container.decode(Flag<Bool?>.self, forKey: SettingKey(stringValue: name)).wrappedValue
        return isOn.map { change(to: $0) }
    }

    func change(from value: JSONValue, _ path: String) throws -> Change<Target> {
        guard case .flag(let isOn) = value else { throw Problem("\"\(path)\" must be true or false") }
        return change(to: isOn)
    }

    func change(from text: String?) throws -> Change<Target>? { text == nil ? change(to: true) : nil }

    private func change(to isOn: Bool) -> Change<Target> { Change { set(&$0, isOn) } }
}

/// A setting with several values: a flag that is repeated, or an array in a file.
struct ListSetting<Target, Value: Sendable>: Setting {
    let name: String
    let short: Character?
    let kind: ValueKind<Value>
    let help: String
    let check: @Sendable (Value, ArraySlice<Value>) throws -> Void
    let set: @Sendable (inout Target, [Value]) -> Void

    var valueName: String? { kind.name }

    /// - Parameter check: throws a `Problem` where a value of a file makes no sense, or not after those before it; those of
    ///   the command line, which needs no names of keys, are checked when they are used.
    init(
        _ name: String, short: Character? = nil, _ kind: ValueKind<Value>, _ help: String = "",
        check: @escaping @Sendable (Value, ArraySlice<Value>) throws -> Void = { _, _ in },
        set: @escaping @Sendable (inout Target, [Value]) -> Void
    ) {
        (self.name, self.short, self.kind, self.help) = (name, short, kind, help)
        (self.check, self.set) = (check, set)
    }

    var flag: Any {
        let names = (short.map { [.customShort($0)] } ?? []) + [NameSpecification.Element.customLong(name)]
        return Option<[Value]>(
            wrappedValue: [], name: NameSpecification(names), help: ArgumentHelp(help, valueName: kind.name),
            completion: kind.completion
        ) { text in try kind.read(text) }
    }

    func change(in container: KeyedDecodingContainer<SettingKey>) throws -> Change<Target>? {
        let values = try container.decode(Option<[Value]>.self, forKey: SettingKey(stringValue: name)).wrappedValue
        return values.isEmpty ? nil : change(to: values)
    }

    func change(from value: JSONValue, _ path: String) throws -> Change<Target> {
        var items = [(path, value)]
        if case .array(let all) = value { items = all.enumerated().map { ("\(path)[\($0.offset)]", $0.element) } }
        var values: [Value] = []
        for (path, item) in items {
            let value = try kind.read(item, path)
            try Problem.naming(path) { try check(value, values[...]) }
            values.append(value)
        }
        return change(to: values)
    }

    func change(from text: String?) throws -> Change<Target>? { nil }

    private func change(to values: [Value]) -> Change<Target> { Change { set(&$0, values) } }
}
