/// The one error of the house: a class that the other side can act on, words for a person, and what caused it.
public struct BerthError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The class of an error. Open: a component may bring its own; the bus knows those listed here.
    public struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        public let rawValue: String

        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        public var description: String { rawValue }

        public static let invalid = Code(rawValue: "invalid")
        public static let unauthenticated = Code(rawValue: "unauthenticated")
        public static let denied = Code(rawValue: "denied")
        public static let notFound = Code(rawValue: "not-found")
        public static let conflict = Code(rawValue: "conflict")
        public static let exhausted = Code(rawValue: "exhausted")
        public static let unsupported = Code(rawValue: "unsupported")
        public static let retry = Code(rawValue: "retry")
        public static let deadline = Code(rawValue: "deadline")
        public static let cancelled = Code(rawValue: "cancelled")
        public static let unreachable = Code(rawValue: "unreachable")
        public static let broken = Code(rawValue: "broken")
        public static let busy = Code(rawValue: "busy")
    }

    public var code: Code
    /// What is wrong, for a person. Never holds a secret.
    public var message: String
    /// What to do about it.
    public var hint: String?
    /// The other system's own words.
    public var native: String?
    /// The field of the request that is wrong.
    public var field: String?
    /// The message of the error behind this one.
    public var cause: String?

    public init(
        _ code: Code, _ message: String, hint: String? = nil, native: String? = nil, field: String? = nil, cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.native = native
        self.field = field
        self.cause = cause.map { "\($0)" }
    }

    public var description: String {
        [message, cause, native, hint].compactMap { $0 }.joined(separator: ": ")
    }
}
