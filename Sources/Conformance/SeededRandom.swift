import Platform

/// What a seed makes up for drivers: keys, texts, documents.
struct SeededRandom: RandomNumberGenerator {
    private var source: SplitMix

    init(_ seed: UInt64) { source = SplitMix(state: seed) }

    mutating func next() -> UInt64 { source.next() }

    /// A key as the host makes them: a UUID of version 8.
    mutating func key() -> String {
        let digits = (0..<32).map { _ in Array("0123456789abcdef")[Int(next() % 16)] }
        let text = String(digits)
        let parts = [
            text.prefix(8), text.dropFirst(8).prefix(4), "8" + text.dropFirst(13).prefix(3), "a" + text.dropFirst(17).prefix(3),
            text.dropFirst(20),
        ]
        return parts.joined(separator: "-")
    }

    /// Bytes that are rarely sensible: UTF-8 or not, long or empty, with what parsers trip over.
    mutating func text() -> String {
        let pieces = [
            "", "a", "%s%n%x", "../../etc/passwd", "\"", "\\", "'; drop table machines", "\n", "\u{1F6A2}", "<a>&lt;", "{}", "[[[[",
            "-1", "NaN", String(repeating: "x", count: 5000), "\u{202E}", "${HOME}", "$(id)", "*", "null",
        ]
        return (0..<Int.random(in: 1...4, using: &self)).map { _ in pieces.randomElement(using: &self) ?? "" }.joined()
    }

    mutating func json(depth: Int = 0) -> String {
        switch Int.random(in: 0..<(depth > 3 ? 5 : 7), using: &self) {
        case 0: return "null"
        case 1: return ["true", "false"].randomElement(using: &self) ?? "true"
        case 2: return ["0", "-1", "1e308", "9007199254740993", "0.0001", "2"].randomElement(using: &self) ?? "0"
        case 3, 4: return quoted(text())
        case 5: return "[" + (0..<Int.random(in: 0...3, using: &self)).map { _ in json(depth: depth + 1) }.joined(separator: ",") + "]"
        default:
            let names = [
                "name", "cpus", "memory_mib", "disk_gib", "image", "networks", "addresses", "node", "arch", "user_data", "public_keys",
                "tags", "x",
            ]
            let chosen = names.shuffled(using: &self).prefix(Int.random(in: 0...5, using: &self))
            return "{" + chosen.map { quoted($0) + ":" + json(depth: depth + 1) }.joined(separator: ",") + "}"
        }
    }
}
