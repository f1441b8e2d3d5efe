// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A group of flags of the command line that a table declares, in place of properties with `@Option` and `@Flag`.
///
/// `ArgumentParser` asks a `Mirror` of the group for those properties, and decodes them by their names; this makes both
/// from the table.
protocol SettingGroup: ParsableArguments, CustomReflectable {
    static var settings: [any Setting<Configuration>] { get }
    /// What the command line changes.
    var changes: [Change<Configuration>] { get }

    init(changes: [Change<Configuration>])
}

extension SettingGroup {
    init() { self.init(changes: []) }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: SettingKey.self)
        self.init(changes: try Self.settings.compactMap { try $0.change(in: container) })
    }

    var customMirror: Mirror {
        Mirror(self, children: Self.settings.map { (label: $0.name, value: $0.flag) })
    }

    func apply(to configuration: inout Configuration) {
        for change in changes { change.apply(&configuration) }
    }
}
