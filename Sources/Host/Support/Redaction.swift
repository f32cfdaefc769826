import JSON
import Model
import PluginHost

/// Takes secrets out of text that leaves the machine.
struct Redaction {
    static let mark = "[removed]"

    private var secrets: [[UInt8]] = []
    /// Settings whose secret could not be read here; they could not be looked for.
    private(set) var unknown: [String] = []

    /// Knows the values of all secrets that the configuration refers to, as far as whoever runs this may read them.
    init(_ configuration: Configuration?) {
        for provider in configuration?.providers ?? [] {
            for setting in provider.settings + provider.environment where setting.value.isSecret || Redaction.isTelling(setting.name) {
                do throws(BerthError) {
                    add(try setting.value.resolve())
                } catch {
                    unknown.append("[provider \(provider.name)] \(setting.name)")
                }
            }
        }
        secrets.sort { $0.count > $1.count }
    }

    /// The secret as it stands in text, in JSON, and in a URL; of several lines each.
    private mutating func add(_ secret: String) {
        for line in secret.split(whereSeparator: \.isNewline).map(String.init) + [secret] where line.utf8.count > 1 {
            let inJSON = JSON.string(line).text.dropFirst().dropLast()
            for form in [line, String(inJSON), Redaction.percent(line)] where !secrets.contains(Array(form.utf8)) {
                secrets.append(Array(form.utf8))
            }
        }
    }

    private static func percent(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var out = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            if scalar.properties.isAlphabetic && byte < 0x80 || (0x30...0x39).contains(byte) || "-._~".utf8.contains(byte) {
                out.unicodeScalars.append(scalar)
            } else {
                out += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return out
    }

    /// Whether a setting of this name holds something that is nobody's business, whatever the driver's schema says.
    static func isTelling(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["password", "passwd", "passphrase", "secret", "token", "credential", "private", "api-key", "api_key", "apikey"]
            .contains { name.contains($0) }
    }

    /// The text without any secret.
    func clean(_ text: [UInt8]) -> [UInt8] {
        Redaction.withoutUserinfo(secrets.reduce(text) { Redaction.replace($1, in: $0) })
    }

    func clean(_ text: String) -> [UInt8] { clean(Array(text.utf8)) }

    private static func replace(_ secret: [UInt8], in text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var at = 0
        while at < text.count {
            if text[at] == secret[0], text[at...].starts(with: secret) {
                out += Array(mark.utf8)
                at += secret.count
            } else {
                out.append(text[at])
                at += 1
            }
        }
        return out
    }

    /// `scheme://user:password@host` loses what stands between `://` and `@`.
    private static func withoutUserinfo(_ text: [UInt8]) -> [UInt8] {
        let start = Array("://".utf8)
        var out: [UInt8] = []
        var at = 0
        while at < text.count {
            guard text[at] == start[0], text[at...].starts(with: start) else {
                out.append(text[at])
                at += 1
                continue
            }
            out += start
            at += start.count
            let authority = text[at...].prefix { $0 > 0x20 && !"/?#\"'<>".utf8.contains($0) }
            if let sign = authority.lastIndex(of: UInt8(ascii: "@")), authority[..<sign].contains(UInt8(ascii: ":")) {
                out += Array(mark.utf8)
                at = sign
            }
        }
        return out
    }

    /// A file of the configuration: values of telling names are removed even where they look harmless; references
    /// (`@file:`, `@env:`) stay, because they tell where to look.
    func clean(configuration text: [UInt8]) -> [UInt8] {
        let lines = text.split(separator: 0x0A, omittingEmptySubsequences: false).map { line -> [UInt8] in
            let words = String(decoding: line, as: UTF8.self).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, Redaction.isTelling(String(words[0])) else { return Array(line) }
            let value = words[1].drop { $0 == " " || $0 == "\t" }
            if value.hasPrefix("@file:") || value.hasPrefix("@env:") { return Array(line) }
            return Array("\(words[0])= \(Redaction.mark)".utf8)
        }
        return clean(Array(lines.joined(separator: [0x0A])))
    }
}
