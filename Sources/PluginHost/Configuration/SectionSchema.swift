import Model

/// The keys that one kind of section knows. Every room's sections stand in `SectionSchema.known`.
public struct SectionSchema: Sendable {
    public enum Naming: Sendable {
        /// `[host]`
        case none
        /// `[provider NAME]`: letters, digits, `_` and `-`; such names become files and topics.
        case plain
        /// `[image debian-12.7]`: dots too.
        case dotted
        /// `[abi compute/1]`
        case revision
    }

    public struct Key: Sendable {
        /// `module`, or a family: `deadline.*`, `call *`, `*`.
        var pattern: String
        var type: ValueType
        var isRequired: Bool

        static func key(_ pattern: String, _ type: ValueType, required: Bool = false) -> Key {
            Key(pattern: pattern, type: type, isRequired: required)
        }

        func matches(_ key: String) -> Bool {
            guard pattern.hasSuffix("*") else { return key == pattern }
            let prefix = pattern.dropLast()
            return key.hasPrefix(prefix) && key.utf8.count > prefix.utf8.count
        }
    }

    var kind: String
    var naming: Naming
    var keys: [Key]

    /// What is wrong with a section's kind, name, keys and values.
    static func problems(of section: Section) -> [ConfigurationErrors.Problem] {
        if section.kind.hasPrefix("x-") { return [] }
        guard let schema = known.first(where: { $0.kind == section.kind }) else {
            let meant = nearest(section.kind, among: known.map(\.kind))
            return [
                .init(
                    section.location, "there is no section [\(section.kind)]",
                    hint: meant.map { "did you mean [\($0)]?" } ?? "a kind that starts with x- is free")
            ]
        }
        if let problem = schema.naming.problem(section) { return [.init(section.location, problem)] }
        var problems = section.entries.compactMap(schema.problem)
        for key in schema.keys where key.isRequired && section[key.pattern] == nil {
            problems.append(.init(section.location, "[\(section.title)] has no '\(key.pattern)'", hint: "add \(key.pattern) = …"))
        }
        return problems
    }

    private func problem(_ entry: Section.Entry) -> ConfigurationErrors.Problem? {
        if entry.key.hasPrefix("x-") { return nil }
        guard let key = keys.first(where: { $0.matches(entry.key) }) else {
            let meant = nearest(entry.key, among: keys.map { $0.pattern == "*" ? "" : $0.pattern })
            let all = keys.map(\.pattern).joined(separator: ", ")
            return .init(
                entry.location, "[\(kind)] has no key '\(entry.key)'", hint: meant.map { "did you mean '\($0)'?" } ?? "known: \(all)")
        }
        if Section.holdsSecret(entry.key), !entry.value.isEmpty, !SettingValue(entry.value).isSecret {
            return .init(entry.location, "'\(entry.key)' is a secret and stands here in clear", hint: "write @file:PATH or @env:NAME")
        }
        return key.type.problem(entry.value).map { .init(entry.location, "'\(entry.key)' \($0.message)", hint: $0.hint) }
    }
}

extension SectionSchema.Naming {
    fileprivate func problem(_ section: Section) -> String? {
        let name = section.name
        switch self {
        case .none: return name.isEmpty ? nil : "[\(section.kind)] takes no name"
        case .plain, .dotted:
            guard !name.isEmpty else { return "[\(section.kind)] wants a name: [\(section.kind) NAME]" }
            let isFine = name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "_"), UInt8(ascii: "-"): true
                case UInt8(ascii: "."): self == .dotted
                default: false
                }
            }
            guard isFine, name.utf8.count <= 63, let first = name.utf8.first, !"-._".utf8.contains(first) else {
                return
                    "'\(name.prefix(70))' is no name for a \(section.kind): up to 63 letters, digits, _, -\(self == .dotted ? " and dots" : ""), a letter or digit first"
            }
            return nil
        case .revision:
            let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, SignatureParser.isName(parts[0]), let revision = ValueParser.integer(parts[1]),
                (1...65_535).contains(revision)
            else {
                return "[\(section.kind)] wants a name and a revision: [\(section.kind) NAME/1], in a-z, 0-9 and _"
            }
            return nil
        }
    }
}

extension Section {
    /// Whether a key's last word says that its value is a secret.
    static func holdsSecret(_ key: String) -> Bool {
        let last = key.split { "._-".contains($0) }.last.map { $0.lowercased() } ?? ""
        return ["password", "passwd", "passphrase", "secret", "token"].contains(last)
    }
}
