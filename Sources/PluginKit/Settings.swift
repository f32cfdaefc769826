public import JSON

/// The settings of one provider, already checked against the driver's schema, with the schema's defaults filled in.
public struct Settings: Sendable {
    /// The whole object.
    public var json: JSON

    public init(_ json: JSON) {
        self.json = json
    }

    public subscript(name: String) -> JSON? {
        json[name].flatMap { $0.isNull ? nil : $0 }
    }

    public func string(_ name: String) throws(DriverError) -> String { try value(name, self[name]?.string, "a string") }
    public func integer(_ name: String) throws(DriverError) -> Int { try value(name, self[name]?.int, "a whole number") }
    public func number(_ name: String) throws(DriverError) -> Double { try value(name, self[name]?.double, "a number") }
    public func boolean(_ name: String) throws(DriverError) -> Bool { try value(name, self[name]?.bool, "true or false") }
    public func strings(_ name: String) throws(DriverError) -> [String] {
        try value(name, self[name]?.array.map { $0.compactMap(\.string) }, "a list of strings")
    }

    private func value<Value>(_ name: String, _ value: Value?, _ kind: String) throws(DriverError) -> Value {
        guard let value else {
            throw .invalid(self[name] == nil ? "config.\(name) is missing" : "config.\(name) is not \(kind)")
        }
        return value
    }
}
