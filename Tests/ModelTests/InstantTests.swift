import Model
import Testing

@Suite("Instant")
struct InstantTests {
    @Test(
        "RFC 3339 is read and written",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-11-25T14:06:25Z", 1_795_615_585_000), ("2000-02-29T23:59:59.250Z", 951_868_799_250),
            ("1969-12-31T23:59:59Z", -1000),
        ])
    func readAndWrite(text: String, milliseconds: Int64) {
        #expect(Instant(text)?.milliseconds == milliseconds)
        #expect(Instant(milliseconds: milliseconds).description == text)
    }

    @Test("an offset is taken into account")
    func offset() {
        #expect(Instant("2026-11-25T15:06:25+01:00") == Instant("2026-11-25T14:06:25Z"))
    }

    @Test(
        "what is no time is refused",
        arguments: ["", "2026-02-30T00:00:00Z", "2026-11-25", "2026-11-25T14:06:25", "2026-11-25T24:00:00Z", "now"])
    func refused(text: String) {
        #expect(Instant(text) == nil)
    }
}
