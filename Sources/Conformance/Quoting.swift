import JSON

/// A JSON string of a text.
func quoted(_ text: String) -> String { JSON.string(text).text }

/// At most so much of a text, for a message: without control characters.
func excerpt(_ bytes: some Collection<UInt8>, _ most: Int = 80) -> String {
    let text = String(decoding: bytes.prefix(most), as: UTF8.self)
    let clean = String(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : Character($0) })
    return bytes.count > most ? clean + "…" : clean
}
