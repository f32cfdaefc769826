import PluginABI

/// `#berthDriver(Shelf.self, id: "shelf", version: "1.0")`, read from its source text.
struct DriverDeclaration {
    /// Why it cannot be expanded.
    struct Mistake: Error {
        var message: String
    }

    var type: String
    var id: String
    var version: String

    init(_ source: String) throws(Mistake) {
        guard let open = source.firstIndex(of: "("), let close = source.lastIndex(of: ")"), open < close else {
            throw Mistake(message: "#berthDriver wants (Type.self, id: \"…\", version: \"…\")")
        }
        let parts = source[source.index(after: open)..<close].split(separator: ",").map { String($0).trimmed }
        guard parts.count == 3, parts[0].hasSuffix(".self") else {
            throw Mistake(message: "#berthDriver wants (Type.self, id: \"…\", version: \"…\")")
        }
        type = String(parts[0].dropLast(5))
        id = try DriverDeclaration.literal(parts[1], label: "id")
        version = try DriverDeclaration.literal(parts[2], label: "version")

        let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789")
        guard let first = id.first, letters.contains(first), id.allSatisfy({ letters.contains($0) || $0 == "." || $0 == "-" }) else {
            throw Mistake(message: "the driver's id must match [a-z0-9][a-z0-9.-]*, and '\(id)' does not")
        }
        guard id.utf8.count <= 63 else { throw Mistake(message: "the driver's id is longer than 63 bytes") }
        guard !version.isEmpty, version.utf8.count <= 31 else { throw Mistake(message: "the driver's version wants 1 to 31 bytes") }
    }

    private static func literal(_ part: String, label: String) throws(Mistake) -> String {
        let mistake = Mistake(message: "#berthDriver wants \(label): and a plain string literal: the ELF note is read without running code")
        guard part.hasPrefix("\(label):") else { throw mistake }
        let text = String(part.dropFirst(label.count + 1)).trimmed
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { throw mistake }
        let inner = text.dropFirst().dropLast()
        guard inner.allSatisfy({ $0.isASCII && $0 >= " " && $0 != "\\" && $0 != "\"" }) else { throw mistake }
        return String(inner)
    }

    /// The entry and the note. The entry is plain `@c` and its descriptor an opaque pointer, so that a driver needs no import
    /// of the C header; ``DriverExport`` is checked against the header in its stead.
    var expansion: String {
        """
        @c public func berth_driver_entry(_ major: UInt32, _ minor: UInt32) -> UnsafeRawPointer? {
            enum Once {
                nonisolated(unsafe) static let plugin = DriverExport.plugin(\(type).self, id: "\(id)", version: "\(version)") {
                    DriverExport.open(\(type).self, $0, $1, $2, $3, $4)
                }
            }
            return DriverExport.suits(major: major, minor: minor) ? Once.plugin : nil
        }
        @section(".note.berth") @used
        private let berth_driver_note: (\(note.map(\.type).joined(separator: ", "))) = (\(note.map(\.value).joined(separator: ", ")))
        """
    }

    /// The members of `berth_note_t` in order. Only literals may stand in a section, so text becomes its bytes.
    private var note: [(type: String, value: String)] {
        let hash = BERTH_ABI_HASH
        let numbers = [6, UInt32(MemoryLayout<berth_note_t>.size - 20), UInt32(BERTH_NOTE_TYPE)]
        let head = [
            UInt32(BERTH_NOTE_LAYOUT), UInt32(BERTH_ABI_MAJOR), UInt32(BERTH_ABI_MINOR), UInt32(truncatingIfNeeded: hash),
            UInt32(truncatingIfNeeded: hash >> 32),
        ]
        return numbers.map(word) + bytes("Berth", 8) + head.map(word) + bytes("compute", 32) + bytes(id, 64) + bytes(version, 32)
    }

    private func word(_ value: UInt32) -> (type: String, value: String) { ("UInt32", String(value)) }

    private func bytes(_ text: String, _ count: Int) -> [(type: String, value: String)] {
        (Array(text.utf8) + Array(repeating: 0, count: count)).prefix(count).map { ("UInt8", String($0)) }
    }
}

extension String {
    var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
