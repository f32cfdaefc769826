extension JSON {
    /// A JSON Schema, as far as Berth uses it: `type` (also a list), `required`, `properties`, `additionalProperties`, `enum`,
    /// `default`, `items`, `minimum`, `maximum`, `pattern` (POSIX extended). Keywords that only describe are passed over; any
    /// other is refused, so that no schema promises more than is checked.
    public struct Schema: Sendable, Equatable {
        public enum Kind: String, Sendable, CaseIterable {
            case null, boolean, integer, number, string, array, object
        }

        /// What an object may hold beside its `properties`.
        indirect enum Additional: Sendable, Equatable {
            case anything, nothing
            case matching(Schema)
        }

        /// Empty: any.
        public internal(set) var types: [Kind] = []
        public internal(set) var properties: [Property] = []
        public internal(set) var required: [String] = []
        public internal(set) var values: [JSON]?
        public internal(set) var `default`: JSON?
        public internal(set) var description: String?
        /// Marked `writeOnly`: a secret.
        public internal(set) var isSecret = false
        var additional = Additional.anything
        /// None or one: an array breaks the recursion.
        var itemSchemas: [Schema] = []
        var minimum: Double?
        var maximum: Double?
        var pattern: String?

        public struct Property: Sendable, Equatable {
            public var name: String
            public var schema: Schema
        }

        /// What the elements of an array must be; nil: anything.
        public var items: Schema? { itemSchemas.first }

        /// The schema of a field, by `properties` or `additionalProperties`; nil: the field may not be there.
        public func property(_ name: String) -> Schema? {
            if let property = properties.first(where: { $0.name == name }) { return property.schema }
            switch additional {
            case .anything: return Schema()
            case .nothing: return nil
            case .matching(let schema): return schema
            }
        }

        /// Accepts everything.
        public init() {}
    }

    /// Why a document is no schema that Berth understands, and where.
    public struct SchemaError: Error, Sendable, Equatable, CustomStringConvertible {
        public var path: String
        public var message: String

        public var description: String { path.isEmpty ? message : "\(path): \(message)" }
    }
}

extension JSON.Schema {
    private static let silent: Set<String> = [
        "$schema", "$id", "$comment", "title", "description", "examples", "format", "deprecated", "readOnly", "writeOnly",
    ]

    public init(_ document: JSON) throws(JSON.SchemaError) {
        try self.init(document, at: "")
    }

    private init(_ document: JSON, at path: String) throws(JSON.SchemaError) {
        func wrong(_ message: String) -> JSON.SchemaError { JSON.SchemaError(path: path, message: message) }
        guard let object = document.object else { throw wrong("a schema is an object") }
        for field in object.fields {
            let value = field.value
            let below = path.isEmpty ? field.name : "\(path).\(field.name)"
            switch field.name {
            case "type":
                let names = value.array ?? [value]
                types = names.compactMap { $0.string.flatMap(Kind.init) }
                guard types.count == names.count, !types.isEmpty else { throw wrong("'type' is none of \(Kind.allCases.map(\.rawValue))") }
            case "properties":
                guard let fields = value.object?.fields else { throw wrong("'properties' is no object") }
                for property in fields {
                    properties.append(
                        Property(name: property.name, schema: try JSON.Schema(property.value, at: "\(below).\(property.name)")))
                }
            case "required":
                required = (value.array ?? []).compactMap { $0.string }
                guard required.count == value.array?.count else { throw wrong("'required' is no list of names") }
            case "additionalProperties":
                additional =
                    if let allowed = value.bool { allowed ? .anything : .nothing } else { .matching(try JSON.Schema(value, at: below)) }
            case "enum":
                guard let array = value.array, !array.isEmpty else { throw wrong("'enum' is no list") }
                values = array
            case "items": itemSchemas = [try JSON.Schema(value, at: below)]
            case "minimum": minimum = try JSON.Schema.bound(value, "minimum", path)
            case "maximum": maximum = try JSON.Schema.bound(value, "maximum", path)
            case "pattern":
                guard let text = value.string, JSON.Schema.isPattern(text) else {
                    throw wrong("'pattern' is no extended regular expression")
                }
                pattern = text
            case "default": self.default = value
            case "description": description = value.string
            case "writeOnly": isSecret = value.bool ?? false
            case _ where JSON.Schema.silent.contains(field.name): break
            default: throw wrong("'\(field.name)' is a keyword that Berth does not check")
            }
        }
        if let value = self.default, !problems(of: value).isEmpty { throw wrong("'default' does not fit the schema") }
    }

    private static func bound(_ value: JSON, _ keyword: String, _ path: String) throws(JSON.SchemaError) -> Double {
        guard let number = value.double else { throw JSON.SchemaError(path: path, message: "'\(keyword)' is no number") }
        return number
    }
}
