import JSON
import PluginKit
import Testing

@Suite("PluginKit.documents")
struct DocumentWriterTests {
    func written(_ body: (inout DocumentWriter) -> Void) -> String {
        var writer = DocumentWriter(capacity: 1)
        body(&writer)
        return writer.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test("commas come by themselves")
    func commas() {
        let text = written { writer in
            writer.beginObject()
            writer.field("a", 1)
            writer.field("b", ["x", "y"])
            writer.field("c")
            writer.beginObject()
            writer.endObject()
            writer.field("d", true)
            writer.field("e")
            writer.array([1, 2]) { value, writer in writer.value(value) }
            writer.endObject()
        }
        #expect(text == #"{"a":1,"b":["x","y"],"c":{},"d":true,"e":[1,2]}"#)
    }

    @Test(
        "numbers have up to three decimals",
        arguments: [
            (0, "0"), (1, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (0.125, "0.125"), (2.0004, "2"), (2.0006, "2.001"), (0.05, "0.05"),
            (-0.001, "-0.001"), (1e6, "1000000"), (.nan, "null"), (.infinity, "null"),
        ])
    func decimals(value: Double, text: String) {
        #expect(written { $0.value(value) } == text)
    }

    @Test("whole numbers of any size", arguments: [0, 7, 10, 99, 100, -1, Int.max, Int.min, 1_000_000_000_000_000_000, 9_999_999_999])
    func integers(value: Int) {
        #expect(written { $0.value(value) } == "\(value)")
    }

    @Test("what JSON must escape is escaped, and reads back the same")
    func escapes() throws {
        for text in ["", "plain", "a\"b\\c", "\n\r\t\u{1}\u{1f}\u{7f}", "café 🚢", String(repeating: "ü\"", count: 500)] {
            #expect(try JSON(parsing: written { $0.value(text) }) == .string(text))
            #expect(try JSON(parsing: written { writer in text.withCString { writer.value(cString: $0) } }) == .string(text))
        }
    }

    @Test("a C string that is no UTF-8 is repaired")
    func repaired() throws {
        let latin: [CChar] = [0x22, 0x63, 0x61, 0x66, CChar(bitPattern: 0xE9), 0x5C, 0]
        #expect(try JSON(parsing: written { $0.value(cString: latin) }) == .string("\"caf\u{FFFD}\\"))
    }

    @Test(
        "moments are RFC 3339",
        arguments: [(0, "1970-01-01T00:00:00Z"), (1_795_617_314_550, "2026-11-25T14:35:14.550Z"), (-1000, "1969-12-31T23:59:59Z")])
    func moments(milliseconds: Int64, text: String) {
        #expect(rfc3339(unixMilliseconds: milliseconds) == text)
    }
}
