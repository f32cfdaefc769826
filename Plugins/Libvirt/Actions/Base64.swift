/// RFC 4648, with padding: console bytes inside JSON.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for digit in 0..<4 {
                text.append(digit <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * digit) & 63)] : 0x3D)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        for start in stride(from: 0, to: characters.count, by: 4) {
            let group = characters[start..<start + 4]
            let padding = start + 4 == characters.count ? group.reversed().prefix { $0 == 0x3D }.count : 0
            guard padding <= 2 else { return nil }
            var word: UInt32 = 0
            for character in group.dropLast(padding) {
                guard let digit = alphabet.firstIndex(of: character) else { return nil }
                word = word << 6 | UInt32(digit)
            }
            word <<= UInt32(6 * padding)
            bytes += (0..<3 - padding).map { UInt8(word >> UInt32(16 - 8 * $0) & 0xFF) }
        }
        return bytes
    }
}
