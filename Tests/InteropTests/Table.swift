// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// Whether a peer has a feature.
enum Answer: Sendable {
    /// With what is to be said about it, mostly nothing.
    case yes(String)
    case no(String)
    case notApplicable

    var note: String {
        switch self {
        case .yes(let note), .no(let note): note
        case .notApplicable: ""
        }
    }

    var word: String {
        switch self {
        case .yes: "yes"
        case .no: "no"
        case .notApplicable: "–"
        }
    }
}

/// What was found: tables of features and peers with notes, printed once they are full.
final class Table: Sendable {
    private struct State {
        var answers: [String: Answer] = [:]
    }

    private let state = Mutex(State())
    private let title: String
    private let columns: [String]
    private let rows: [String]

    init(_ title: String, columns: [String], rows: [String]) {
        (self.title, self.columns, self.rows) = (title, columns, rows)
    }

    /// Takes a cell; the last one has the table printed, and written to where the environment says.
    func record(_ row: String, _ column: String, _ answer: Answer) throws {
        let answers: [String: Answer]? = state.withLock { state in
            state.answers["\(row)|\(column)"] = answer
            return state.answers.count == rows.count * columns.count ? state.answers : nil
        }
        guard let answers else { return }
        let text = markdown(answers)
        print(text)
        fflush(nil)
        guard let path = ProcessInfo.processInfo.environment["INTEROP_TABLE"] else { return }
        let before = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try (before + text).write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func markdown(_ answers: [String: Answer]) -> String {
        var notes: [(row: String, text: String, columns: [String])] = []
        var lines = ["", "## \(title)", "", "| | \(columns.joined(separator: " | ")) |"]
        lines.append("| --- |\(String(repeating: " --- |", count: columns.count))")
        for row in rows {
            let cells = columns.map { column in
                guard let answer = answers["\(row)|\(column)"] else { return "" }
                guard !answer.note.isEmpty else { return answer.word }
                let index = notes.firstIndex { $0.row == row && $0.text == answer.note } ?? notes.count
                if index == notes.count { notes.append((row, answer.note, [])) }
                notes[index].columns.append(column)
                return "\(answer.word) [\(index + 1)]"
            }
            lines.append("| \(row) | \(cells.joined(separator: " | ")) |")
        }
        lines.append("")
        for (index, note) in notes.enumerated() {
            lines.append("\(index + 1). \(note.row), \(note.columns.joined(separator: ", ")): \(note.text)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
