// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import AMQP

/// Rows under the names of their columns, for people: columns are as wide as they have to be, and numbers end together.
struct TextTable {
    let columns: [String]
    let rows: [[AMQPValue]]

    /// The widest that a column is drawn: what is longer is written whole, and moves what follows.
    private static let maxWidth = 60

    /// The lines, without a space at their ends.
    var lines: [String] {
        let header = columns.map { $0.uppercased() }
        let cells = rows.map { row in columns.indices.map { $0 < row.count ? TextTable.text(row[$0]) : "" } }
        let areNumbers = columns.indices.map { column in
            !rows.isEmpty && rows.allSatisfy { column < $0.count && ($0[column].isNumber || $0[column].isNull) }
        }
        let widths = columns.indices.map { column in
            min(TextTable.maxWidth, ([header] + cells).reduce(0) { max($0, $1[column].count) })
        }
        return ([header] + cells).map { line in
            let padded = line.indices.map { TextTable.pad(line[$0], widths[$0], isRight: areNumbers[$0]) }
            var text = padded.joined(separator: "  ")
            while text.last == " " { text.removeLast() }
            return text
        }
    }

    private static func pad(_ text: String, _ width: Int, isRight: Bool) -> String {
        let space = String(repeating: " ", count: max(0, width - text.count))
        return isRight ? space + text : text + space
    }

    /// A value as people read it.
    static func text(_ value: AMQPValue) -> String {
        switch value {
        case .null: "-"
        case .boolean(let flag): flag ? "yes" : "no"
        case .string(let text): text.escapedForTerminal()
        case .symbol(let symbol): symbol.name.escapedForTerminal()
        default: value.wholeNumber ?? JSONText.of(value).escapedForTerminal()
        }
    }
}

extension AMQPValue {
    fileprivate var wholeNumber: String? { uintValue.map { "\($0)" } ?? intValue.map { "\($0)" } }

    fileprivate var isNumber: Bool { wholeNumber != nil }

    /// The value with whole numbers of the type `long`, which JSON has: who reads a list has no use for the width of a count.
    var plain: AMQPValue {
        switch self {
        case .list(let elements): .list(elements.map(\.plain))
        case .map(let map): .map(AMQPMap(map.map { ($0.key.plain, $0.value.plain) }))
        case .symbol(let symbol): .string(symbol.name)
        case .timestamp: self
        default: integer(as: Int64.self).map { .long($0) } ?? self
        }
    }
}
