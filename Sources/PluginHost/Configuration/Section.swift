/// One `[kind name]` of the configuration with its `key = value` lines. Values are as written, with `${state}` put in;
/// a secret is still its reference. `Configuration.load` has checked keys and types, so the typed reads below answer nil
/// only where the key is absent.
public struct Section: Sendable, Equatable {
    public struct Entry: Sendable, Equatable {
        public var key: String
        public var value: String
        public var location: SourceLocation
    }

    public var kind: String
    /// Empty for sections without a name, such as `[host]`.
    public var name: String
    public var location: SourceLocation
    public var entries: [Entry]

    /// As it stands in the file: `provider lab`.
    public var title: String { name.isEmpty ? kind : "\(kind) \(name)" }

    public subscript(key: String) -> String? { entries.first { $0.key == key }?.value }

    public func duration(_ key: String) -> Int64? { self[key].flatMap(ValueParser.duration) }
    public func size(_ key: String) -> Int? { self[key].flatMap(ValueParser.size) }
    public func integer(_ key: String) -> Int? { self[key].flatMap(ValueParser.integer) }
    public func number(_ key: String) -> Double? { self[key].flatMap(ValueParser.number) }
    public func bool(_ key: String) -> Bool? { self[key].flatMap(ValueParser.bool) }
    public func list(_ key: String) -> [String]? { self[key].map(ValueParser.list) }

    /// The entries `PREFIX.rest`, by `rest`, in the order of the file.
    public func entries(below prefix: String) -> [(rest: String, entry: Entry)] {
        entries.filter { $0.key.hasPrefix(prefix + ".") }.map { (String($0.key.dropFirst(prefix.count + 1)), $0) }
    }
}
