import Foundation
import ProtonUtilities
import Testing

/// Files of settings that are not what they should be.
struct JSONFileTests {
    @Test(arguments: [
        // Foundation ends the process for the first two.
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
        let value = try JSONFile.parse(Data(#"{ключ: "значение \u00e9 🐇"}"#.utf8), path: "file.json")
        guard case .object(let members) = value else {
            Issue.record("no object")
            return
        }
        #expect(members.count == 1)
    }
}
