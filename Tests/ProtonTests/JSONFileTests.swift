// Copyright the swift-qpid-proton authors
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ProtonUtilities
import Testing

/// Files of settings that are not what they should be.
struct JSONFileTests {
    @Test(arguments: [
        Array(#"{"scheme": "amqps", "#.utf8) + [0xff, 0xff] + Array(#""host": 1}"#.utf8),
        Array("{a".utf8) + [0xc3] + Array(": 1}".utf8),
        Array(#"{"a": ""#.utf8) + [0xed, 0xa0, 0x80] + Array(#""}"#.utf8),
        [0xff, 0xfe, 0x7b, 0, 0x7d, 0],
    ])
    func otherBytesThanUTF8(_ bytes: [UInt8]) {
        let error = #expect(throws: JSONFileError.self) { try JSONFile.parse(Data(bytes), path: "file.json") }
        #expect(error.map { "\($0)" } == "file.json: is not text in UTF-8, as JSON has to be: save it as UTF-8.")
    }

    @Test func textThatIsNoASCII() throws {
        let value = try JSONFile.parse(Data(#"{"ключ": "значение \u00e9 🐇"}"#.utf8), path: "file.json")
        guard case .object(let members) = value else {
            Issue.record("no object")
            return
        }
        #expect(members.count == 1)
    }

    @Test(arguments: [
        (
            #"{"a": [1, 2,], // one\n"b": "x // y, ]", /* two\n, */ "c": {"d": "\"",},}"#,
            #"{"a":[1,2],"b":"x // y, ]","c":{"d":"\""}}"#
        ),
        ("[1 /* , */ , ]", "[1]"), ("[] // end", "[]"), ("/**/ 17", "17"),
    ])
    func commentsAndCommasAtEnds(_ text: String, _ plain: String) throws {
        let text = text.replacing("\\n", with: "\n")
        #expect(
            try JSONFile.parse(Data(text.utf8), path: "a.json") == JSONFile.parse(Data(plain.utf8), path: "b.json"))
    }

    @Test(arguments: [
        "[,]", "[1,,]", "{,}", "{\"a\":,}", "[1] /* no end", "[1 /", ",", "// nothing", "{\"a\": 3e-}", "[1, 2 /*",
        "{a: 1}", "[1.]",
        "[\"\\", "[+1]", "[0x10]", "[-]", "[1e]", "[.5]", "[Infinity]",
    ])
    func whatIsNoJSON(_ text: String) {
        #expect(throws: JSONFileError.self) { try JSONFile.parse(Data(text.utf8), path: "file.json") }
    }
}
