import JSON
import Testing

@Suite("JSON")
struct JSONTests {
    @Test("what is written reads back as the same value")
    func roundTrip() throws {
        let value: JSON = ["a": [1, -2.5, true, nil, "x\n\"\\\u{1}é😀"], "b": [:], "c": [], "big": 9_007_199_254_740_993]
        #expect(try JSON(parsing: value.text) == value)
        #expect(try JSON(parsing: value.pretty) == value)
    }

    @Test(
        "what is no JSON is refused with the byte where it goes wrong",
        arguments: [
            ("", 0), ("{", 1), ("[1,]", 3), ("{\"a\":1,\"a\":2}", 7), ("01", 2), ("1.", 2), ("\"\\ud800\"", 7), ("nul", 0), ("[1] x", 4),
            ("\"\u{1}\"", 1),
        ])
    func refused(text: String, offset: Int) {
        #expect { try JSON(parsing: text) } throws: { ($0 as? JSON.ParseError)?.offset == offset }
    }

    @Test("a field that stands twice is refused in large objects too")
    func doubleField() {
        let fields = (0..<40).map { "\"f\($0)\":\($0)" }.joined(separator: ",")
        #expect(throws: Never.self) { try JSON(parsing: "{\(fields)}") }
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: "{\(fields),\"f39\":1}") }
    }

    @Test("nesting beyond the limit is an error, not a crash")
    func deep() {
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
    }

    @Test("bytes that are not UTF-8 are refused")
    func notUTF8() {
        #expect(throws: JSON.ParseError.self) { try JSON(parsing: [0x22, 0xFF, 0x22] as [UInt8]) }
    }
}
