/// A JSON value. Objects keep the order of their fields, so what we print is stable and what we pass on is unchanged.
public enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSON])
    case object(Object)

    /// An object's fields in order. Documents here are small, so a lookup walks them.
    public struct Object: Sendable, Hashable {
        public private(set) var fields: [Field] = []

        public struct Field: Sendable, Hashable {
            public var name: String
            public var value: JSON

            public init(name: String, value: JSON) {
                self.name = name
                self.value = value
            }
        }

        public init() {}

        public init(fields: [Field]) {
            self.fields = fields
        }

        public var isEmpty: Bool { fields.isEmpty }
        public var count: Int { fields.count }
        public var names: [String] { fields.map(\.name) }

        public subscript(name: String) -> JSON? {
            get { fields.first { $0.name == name }?.value }
            set {
                let index = fields.firstIndex { $0.name == name }
                switch (index, newValue) {
                case (let index?, let value?): fields[index].value = value
                case (let index?, nil): fields.remove(at: index)
                case (nil, let value?): fields.append(Field(name: name, value: value))
                case (nil, nil): break
                }
            }
        }

        mutating func append(_ name: String, _ value: JSON) {
            fields.append(Field(name: name, value: value))
        }
    }
}

extension JSON {
    public var isNull: Bool { self == .null }

    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The number as an integer, also where it was written `2.0`.
    public var int: Int? {
        switch self {
        case .int(let value): Int(exactly: value)
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }

    public var double: Double? {
        switch self {
        case .int(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    public var array: [JSON]? {
        if case .array(let value) = self { value } else { nil }
    }

    public var object: Object? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The field of an object, or nil. Setting a field of anything but an object makes it one; setting nil removes it.
    public subscript(name: String) -> JSON? {
        get { object?[name] }
        set {
            var object = self.object ?? Object()
            object[name] = newValue
            self = .object(object)
        }
    }

    public subscript(index: Int) -> JSON? {
        guard case .array(let values) = self, values.indices.contains(index) else { return nil }
        return values[index]
    }

    /// What a person would call it in a message.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .int: "integer"
        case .double: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }

    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Object(fields: elements.map { Object.Field(name: $0.0, value: $0.1) }))
    }
}

extension JSON {
    public init(_ value: Bool) { self = .bool(value) }
    public init(_ value: some BinaryInteger) { self = .int(Int64(clamping: value)) }
    public init(_ value: Double) { self = .double(value) }
    public init(_ value: String) { self = .string(value) }
    public init(_ values: [String]) { self = .array(values.map(JSON.string)) }

    /// The value, or null where there is none.
    public init(_ value: String?) { self = value.map(JSON.string) ?? .null }
    public init(_ value: Int?) { self = value.map { .int(Int64($0)) } ?? .null }
    public init(_ value: Double?) { self = value.map(JSON.double) ?? .null }
}
