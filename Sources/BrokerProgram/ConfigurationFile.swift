// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Proton
import ProtonUtilities

/// A file of options, in JSON: `{"address": ["localhost:5672"], "threads": 2, "queue": ["orders"]}`.
///
/// Its keys are the names of the options on the command line. Comments are allowed in it, `//` and `/* */`, and commas
/// at ends.
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
            guard case .object(let members) = root else { throw Problem("the file must hold an object, in braces") }
            try JSONObject(members, path: "").apply(Configuration.settings, to: &configuration)
        } catch let problem as Problem {
            throw ProtonError(.invalidArgument, "\(path): \(problem).")
        }
    }
}

/// An object in a file, whose keys are the names of settings.
struct JSONObject {
    private let members: [String: JSONValue]
    /// The path of the object, with a full stop; empty for the whole file.
    private let prefix: String

    init(_ members: [String: JSONValue], path: String) {
        self.members = members
        prefix = path.isEmpty ? "" : "\(path)."
    }

    /// Changes a target as the object says; a key that is missing, or null, changes nothing.
    /// - Throws: `Problem` that names the key that is wrong, or is no setting.
    func apply<Target>(_ settings: [any Setting<Target>], to target: inout Target) throws {
        for setting in settings {
            guard let value = members[setting.name] else { continue }
            if case .null = value { continue }
            try setting.change(from: value, prefix + setting.name).apply(&target)
        }
        let names = Set(settings.map(\.name))
        guard let key = members.keys.filter({ !names.contains($0) }).min() else { return }
        throw Problem("\"\(prefix)\(key)\" is no key here: those are \(names.sorted().joined(separator: ", "))")
    }
}
