import Testing

@testable import ProtonEngine

/// What is left of proton's lines of frames.
struct FrameTextTests {
    @Test(arguments: [
        ("  -> SASL", "  -> SASL"),
        ("0 <- @sasl-mechanisms(64) [sasl-server-mechanisms=@<symbol>[:PLAIN]]", nil),
        (
            #"0 -> @sasl-init(65) [mechanism=:PLAIN, initial-response=b"\x00me\x00sesame"]"#,
            "0 -> @sasl-init(65) [mechanism=:PLAIN, …]"
        ),
        ("0 -> @sasl-init(65) [mechanism=:EXTERNAL]", "0 -> @sasl-init(65) [mechanism=:EXTERNAL, …]"),
        (#"0 -> @sasl-init(65) [initial-response=b"sesame"]"#, "0 -> @sasl-init(65) […]"),
        (#"0 <- @sasl-challenge(66) [challenge=b"r=sesame"]"#, "0 <- @sasl-challenge(66) […]"),
        (#"0 -> @sasl-response(67) [response=b"sesame, mechanism="]"#, "0 -> @sasl-response(67) […]"),
        ("0 <- @sasl-outcome(68) [code=0x0]", "0 <- @sasl-outcome(68) […]"),
        ("0 -> @sasl-outcome(68) sesame", "0 -> @sasl-outcome(68)"),
        ("1 -> @end(23) []", "1 -> @end(23) []"),
        (
            #"0 -> @transfer(20) [delivery-tag=b"1"] (17) \x00Sw sesame"#,
            #"0 -> @transfer(20) [delivery-tag=b"1"] (17)"#
        ),
        // A tag that looks like the end of the fields hides more, not less.
        (#"0 -> @transfer(20) [delivery-tag=b"] (9) a"] (17) sesame"#, #"0 -> @transfer(20) [delivery-tag=b"] (9)"#),
        (
            #"0 -> @transfer(20) [delivery-tag=b"] (9"] (17 sesame"#,
            #"0 -> @transfer(20) [delivery-tag=b"] (9"] (17 sesame"#
        ),
    ])
    func lines(_ line: String, _ expected: String?) {
        #expect(FrameText.redacted(line, payload: 0) == expected ?? line)
    }

    @Test func thePayloadIsBounded() {
        let line = "0 -> @transfer(20) [handle=0x0] (300) " + String(repeating: "x", count: 300)
        #expect(FrameText.redacted(line, payload: 5) == "0 -> @transfer(20) [handle=0x0] (300) xxxxx…")
        #expect(FrameText.redacted(line, payload: 300) == line)
    }

    @Test func linesAreBounded() {
        let line = "0 -> @open(16) [container-id=\"" + String(repeating: "x", count: 100_000) + "\"]"
        #expect(FrameText.redacted(line, payload: 0).utf8.count < 5_000)
        #expect(FrameText.redacted(line + " (5) abcde", payload: 1_000).utf8.count < 6_500)
    }
}
