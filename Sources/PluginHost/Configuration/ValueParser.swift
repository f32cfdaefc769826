/// The words of the configuration's values. Each answers nil where the text is none of its kind.
public enum ValueParser {
    /// Bytes: `512M`, `1.5G`, `4096`; units K, M, G, T are powers of 1,024, an `iB` or `B` behind them is read too.
    public static func size(_ text: String) -> Int? {
        scaled(
            text,
            units: [
                "": 1, "B": 1, "K": 1 << 10, "KiB": 1 << 10, "M": 1 << 20, "MiB": 1 << 20, "G": 1 << 30, "GiB": 1 << 30, "T": 1 << 40,
                "TiB": 1 << 40,
            ]
        ).flatMap { Int(exactly: $0.rounded()) }
    }

    /// Milliseconds: `250ms`, `30s`, `10m`, `4h`, `7d`; several join: `1h30m`.
    public static func duration(_ text: String) -> Int64? {
        let units = ["ms": 1.0, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        var rest = text[...]
        var total: Int64 = 0
        repeat {
            let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(number.count).prefix { $0.isLetter }
            guard let value = Double(number), let scale = units[String(unit)],
                let part = Int64(exactly: (value * scale).rounded()), part <= Int64.max - total
            else { return nil }
            total += part
            rest = rest.dropFirst(number.count + unit.count)
        } while !rest.isEmpty
        return total
    }

    public static func integer(_ text: String) -> Int? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2D } ? Int(text) : nil
    }

    public static func number(_ text: String) -> Double? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }) else { return nil }
        return Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    public static func bool(_ text: String) -> Bool? {
        switch text {
        case "yes", "true", "on": true
        case "no", "false", "off": false
        default: nil
        }
    }

    /// What stands between commas, without the spaces around it. An empty text is an empty list.
    public static func list(_ text: String) -> [String] {
        text.isEmpty ? [] : text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.trimmed) }
    }

    private static func scaled(_ text: String, units: [String: Int]) -> Double? {
        let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).trimmed
        guard let number = Double(digits), let scale = units[String(unit)] else { return nil }
        return number * Double(scale)
    }
}

extension Substring {
    var trimmed: Substring {
        var text = drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}

extension String {
    var trimmed: String { String(self[...].trimmed) }
}
