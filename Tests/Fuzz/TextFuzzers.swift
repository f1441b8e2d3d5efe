// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Parses a selector, and evaluates it on a message that has some of everything.
func fuzzSelectors(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    do throws(SelectorError) {
        let selector = try Selector(text)
        _ = selector.matches(Subject())
    } catch {
        precondition(!"\(error)".isEmpty, "an error without words")
    }
}

/// Properties that are numbers, texts and nothing, by the first letter of their name.
private struct Subject: SelectorSubject {
    func applicationProperty(_ name: String) -> AMQPValue? {
        switch name.utf8.first {
        case UInt8(ascii: "a"): .long(.max)
        case UInt8(ascii: "b"): .double(-0.0)
        case UInt8(ascii: "c"): .string("te%xt_")
        case UInt8(ascii: "d"): true
        case UInt8(ascii: "e"): .ulong(.max)
        case UInt8(ascii: "f"): .null
        case UInt8(ascii: "g"): .double(.nan)
        default: nil
        }
    }

    func annotation(_ key: AnnotationKey) -> AMQPValue? { .int(.min) }

    func field(_ field: SelectorField) -> SelectorValue { .null }
}

/// Reads bytes as a file of settings, and as a URL.
func fuzzSettings(_ bytes: [UInt8]) {
    do throws(JSONFileError) {
        _ = "\(try JSONFile.parse(Data(bytes), path: "fuzz.json"))"
    } catch {
        precondition(!"\(error)".isEmpty, "an error without words")
    }
}
