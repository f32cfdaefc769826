/// One declared call: `create = status (handle driver, ptr call, cstring key, bytes spec)`.
public struct ABICall: Sendable, Hashable {
    public struct Parameter: Sendable, Hashable {
        public enum Direction: String, Sendable {
            case `in`, out, `inout`
        }

        public var direction: Direction
        public var type: ABITypeName
        /// Absent where the signature gives none.
        public var name: String?
    }

    public var name: String
    public var result: ABITypeName
    public var parameters: [Parameter]

    public static let mostParameters = 12

    /// `status (handle driver, ptr call)`, with single spaces: the canonical form.
    public var signature: String {
        let parameters = parameters.map { parameter in
            let words = [parameter.direction == .in ? nil : parameter.direction.rawValue, parameter.type.name, parameter.name]
            return words.compactMap { $0 }.joined(separator: " ")
        }
        return "\(result.name) (\(parameters.joined(separator: ", ")))"
    }
}
