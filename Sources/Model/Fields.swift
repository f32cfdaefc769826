public import JSON

/// Reads an object strictly: each field by its name and type, and at the end nothing may be left over. Every error is `invalid` and names
/// the field, as in `groups[0].count`. A field that is null counts as not given.
public struct Fields {
    private let object: JSON.Object
    /// Where the object stands in the request: `groups[0]`. Empty at the top.
    public let path: String
    private var known: [String] = []

    public init(_ value: JSON, path: String = "") throws(BerthError) {
        guard let object = value.object else {
            throw BerthError(
                .invalid, "\(path.isEmpty ? "the body" : path) must be an object, not \(value.kind)", field: path.isEmpty ? nil : path)
        }
        self.object = object
        self.path = path
    }

    public func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    public func failure(_ name: String, _ message: String, hint: String? = nil) -> BerthError {
        BerthError(.invalid, "\(full(name)) \(message)", hint: hint, field: full(name))
    }

    /// The field as it stands, or nil where it is absent or null.
    public mutating func value(_ name: String) -> JSON? {
        known.append(name)
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    public mutating func bool(_ name: String) throws(BerthError) -> Bool? {
        guard let value = value(name) else { return nil }
        guard let bool = value.bool else { throw failure(name, "must be true or false, not \(value.kind)") }
        return bool
    }

    public mutating func string(_ name: String, atMost limit: Int = 253) throws(BerthError) -> String? {
        guard let value = value(name) else { return nil }
        return try text(value, name, atMost: limit)
    }

    public mutating func int(_ name: String, in range: ClosedRange<Int>) throws(BerthError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let int = value.int else { throw failure(name, "must be a whole number, not \(value.kind)") }
        guard range.contains(int) else { throw failure(name, "must be from \(range.lowerBound) to \(range.upperBound), not \(int)") }
        return int
    }

    /// A number with up to three decimals, in thousandths.
    public mutating func thousandths(_ name: String, in range: ClosedRange<Int>) throws(BerthError) -> Int? {
        guard let value = value(name) else { return nil }
        guard let double = value.double else { throw failure(name, "must be a number, not \(value.kind)") }
        let scaled = (double * 1000).rounded()
        guard abs(scaled - double * 1000) < 1e-6, let thousandths = Int(exactly: scaled) else {
            throw failure(name, "has at most three decimals")
        }
        guard range.contains(thousandths) else {
            throw failure(name, "must be from \(Double(range.lowerBound) / 1000) to \(Double(range.upperBound) / 1000), not \(double)")
        }
        return thousandths
    }

    public mutating func instant(_ name: String) throws(BerthError) -> Instant? {
        guard let value = value(name) else { return nil }
        guard let instant = value.string.flatMap({ Instant($0) }) else {
            throw failure(name, "must be a time in RFC 3339, such as 2026-11-30T09:00:00Z")
        }
        return instant
    }

    /// One of a set of words.
    public mutating func word<Word: RawRepresentable<String> & CaseIterable>(
        _ name: String, _ type: Word.Type = Word.self
    ) throws(BerthError) -> Word? {
        guard let text = try string(name) else { return nil }
        guard let word = Word(rawValue: text) else {
            throw failure(name, "must be one of \(Word.allCases.map { $0.rawValue }.joined(separator: ", ")), not '\(text)'")
        }
        return word
    }

    public mutating func array(_ name: String, atMost limit: Int) throws(BerthError) -> [JSON]? {
        guard let value = value(name) else { return nil }
        guard let array = value.array else { throw failure(name, "must be an array, not \(value.kind)") }
        guard array.count <= limit else { throw failure(name, "has \(array.count) elements, more than \(limit)") }
        return array
    }

    public mutating func strings(_ name: String, atMost limit: Int = 256, each length: Int = 253) throws(BerthError) -> [String]? {
        guard let array = try array(name, atMost: limit) else { return nil }
        var strings: [String] = []
        for (index, value) in array.enumerated() { strings.append(try text(value, "\(name)[\(index)]", atMost: length)) }
        return strings
    }

    /// An object whose values are strings.
    public mutating func dictionary(_ name: String, atMost limit: Int = 64) throws(BerthError) -> [String: String]? {
        guard let value = value(name) else { return nil }
        guard let object = value.object else { throw failure(name, "must be an object, not \(value.kind)") }
        guard object.count <= limit else { throw failure(name, "has \(object.count) fields, more than \(limit)") }
        var dictionary: [String: String] = [:]
        for field in object.fields { dictionary[field.name] = try text(field.value, "\(name).\(field.name)", atMost: 1024) }
        return dictionary
    }

    public mutating func fields(_ name: String) throws(BerthError) -> Fields? {
        guard let value = value(name) else { return nil }
        return try Fields(value, path: full(name))
    }

    /// Throws for the first field that nobody asked for. `also` are fields that somebody else reads.
    public func finish(also: [String] = []) throws(BerthError) {
        for name in object.names where !known.contains(name) && !also.contains(name) {
            let shown = String(name.prefix(64))
            let meant = nearest(shown, among: known)
            throw BerthError(
                .invalid, "there is no field '\(full(shown))'",
                hint: meant.map { "did you mean '\($0)'?" } ?? "known here: " + known.sorted().joined(separator: ", "), field: full(shown))
        }
    }

    private func text(_ value: JSON, _ name: String, atMost limit: Int) throws(BerthError) -> String {
        guard let text = value.string else { throw failure(name, "must be a string, not \(value.kind)") }
        guard text.utf8.count <= limit else { throw failure(name, "has \(text.utf8.count) bytes, more than \(limit)") }
        guard !text.utf8.contains(0) else { throw failure(name, "holds a NUL") }
        return text
    }
}
