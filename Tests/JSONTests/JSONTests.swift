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

    @Test("what looks like a flat object is one that parses, whatever byte is changed")
    func flat() {
        func isFlat(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { JSON.isFlatObject($0) } }
        let seeds = ["{}", "{\"a\":1}", "{\"a\":\"b\",\"c\":-12,\"d\":true,\"e\":null,\"f\":false}", "{\"aa\":1,\"ab\":2}"]
        for seed in seeds {
            #expect(isFlat(Array(seed.utf8)))
            for index in seed.utf8.indices {
                for byte in UInt8.min...UInt8.max {
                    var bytes = Array(seed.utf8)
                    bytes[seed.utf8.distance(from: seed.utf8.startIndex, to: index)] = byte
                    if isFlat(bytes) { #expect((try? JSON(parsing: bytes))?.object != nil, "\(String(decoding: bytes, as: UTF8.self))") }
                }
            }
            for count in 0..<seed.utf8.count { #expect(!isFlat(Array(seed.utf8.prefix(count)))) }
        }
        for other in ["[]", "{\"a\":1,\"a\":2}", "{\"a\":01}", "{\"a\":1}x", " {}", "{\"a\":{}}", "{\"\\u0061\":1}"] {
            #expect(!isFlat(Array(other.utf8)))
        }
    }
}
