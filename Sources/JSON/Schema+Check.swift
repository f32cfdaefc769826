import Glibc

extension JSON.Schema {
    /// Where a value breaks the schema, and how. Never holds the value itself, which may be a secret.
    public struct Problem: Sendable, Equatable, CustomStringConvertible {
        /// `disks[0].size`; empty for the document itself.
        public var path: String
        public var message: String

        public var description: String { path.isEmpty ? message : "\(path) \(message)" }
    }

    /// All that is wrong with a value.
    public func problems(of value: JSON) -> [Problem] {
        var found: [Problem] = []
        check(value, "", &found)
        return found
    }

    private func check(_ value: JSON, _ path: String, _ found: inout [Problem]) {
        func wrong(_ message: String) { found.append(Problem(path: path, message: message)) }
        guard types.isEmpty || types.contains(where: { $0.includes(value) }) else {
            return wrong("is \(value.kind.withArticle), not \(types.map { $0.rawValue.withArticle }.joined(separator: " or "))")
        }
        if let values, !values.contains(where: { $0 == value || $0.double != nil && $0.double == value.double }) {
            wrong("is none of \(values.map { $0.string ?? $0.text }.joined(separator: ", "))")
        }
        if let number = value.double {
            if let minimum, number < minimum { wrong("is less than \(JSON.double(minimum).text)") }
            if let maximum, number > maximum { wrong("is more than \(JSON.double(maximum).text)") }
        }
        if let text = value.string, let pattern, !JSON.Schema.matches(text, pattern) { wrong("does not match \(pattern)") }
        if let object = value.object { check(object, path, &found) }
        if let items, let array = value.array {
            for (index, element) in array.enumerated() { items.check(element, "\(path)[\(index)]", &found) }
        }
    }

    private func check(_ object: JSON.Object, _ path: String, _ found: inout [Problem]) {
        for name in required where object[name] == nil {
            found.append(Problem(path: path.isEmpty ? name : "\(path).\(name)", message: "is missing"))
        }
        for field in object.fields {
            let below = path.isEmpty ? field.name : "\(path).\(field.name)"
            if let schema = property(field.name) {
                schema.check(field.value, below, &found)
            } else {
                found.append(Problem(path: below, message: "is not known"))
            }
        }
    }

    // MARK: defaults and text

    /// The value with the defaults of absent fields filled in.
    public func withDefaults(_ value: JSON) -> JSON {
        guard case .object(var object) = value else { return value }
        for property in properties {
            if let present = object[property.name] {
                object[property.name] = property.schema.withDefaults(present)
            } else if let absent = property.schema.default {
                object[property.name] = absent
            }
        }
        return .object(object)
    }

    /// What a text of the configuration means here: the first of the types that it fits. A comma separates the items of
    /// an array. Nil: it fits none.
    public func value(ofText text: String) -> JSON? {
        guard !types.isEmpty else { return .string(text) }
        return types.lazy.compactMap { value(ofText: text, as: $0) }.first
    }

    private func value(ofText text: String, as kind: Kind) -> JSON? {
        switch kind {
        case .null: return text.isEmpty ? .null : nil
        case .boolean:
            switch text {
            case "true", "yes", "on": return true
            case "false", "no", "off": return false
            default: return nil
            }
        case .integer: return Int64(text).map(JSON.int)
        case .number: return (try? JSON(parsing: text)).flatMap { $0.double == nil ? nil : $0 }
        case .string: return .string(text)
        case .array:
            let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { part in
                String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            let elements = (parts == [""] ? [] : parts).map { items?.value(ofText: $0) ?? (items == nil ? .string($0) : nil) }
            let values = elements.compactMap { $0 }
            return values.count == elements.count ? .array(values) : nil
        case .object: return nil
        }
    }

    // MARK: patterns

    static func isPattern(_ pattern: String) -> Bool { matches("", pattern, else: nil) != nil }

    private static func matches(_ text: String, _ pattern: String) -> Bool { matches(text, pattern, else: false) ?? false }

    /// `regcomp` and `regexec`, extended; `failure` where the pattern is none.
    private static func matches(_ text: String, _ pattern: String, else failure: Bool?) -> Bool? {
        var compiled = regex_t()
        guard regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) == 0 else { return failure }
        defer { regfree(&compiled) }
        // A text with a NUL inside would be matched only up to it.
        return !text.utf8.contains(0) && regexec(&compiled, text, 0, nil, 0) == 0
    }
}

extension JSON.Schema.Kind {
    fileprivate func includes(_ value: JSON) -> Bool {
        switch (self, value) {
        case (.null, .null), (.boolean, .bool), (.integer, .int), (.number, .int), (.number, .double), (.string, .string), (.array, .array),
            (.object, .object):
            true
        case (.integer, .double(let number)): number == number.rounded() && number.magnitude < 0x1p53
        default: false
        }
    }
}

extension String {
    fileprivate var withArticle: String {
        switch self {
        case "null": "null"
        case "integer", "array", "object": "an \(self)"
        default: "a \(self)"
        }
    }
}
