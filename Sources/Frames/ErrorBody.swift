public import JSON
public import Model

extension BerthError {
    /// The error as the body of a reply: `{"message","hint","native","field"}`, what there is of it.
    public var body: JSON {
        var body: JSON = ["message": .string(cause.map { "\(message): \($0)" } ?? message)]
        if let hint { body["hint"] = .string(hint) }
        if let native { body["native"] = .string(native) }
        if let field { body["field"] = .string(field) }
        return body
    }

    /// The error that a reply holds.
    public init(_ code: Code, body: JSON) {
        self.init(
            code, body["message"]?.string ?? "the other side said '\(code)' and nothing else", hint: body["hint"]?.string,
            native: body["native"]?.string, field: body["field"]?.string)
    }
}
