public import Model

/// The second word of a reply: `ok`, `progress`, or the class of an error.
public struct Status: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public init(_ code: BerthError.Code) {
        rawValue = code.rawValue
    }

    public var description: String { rawValue }

    /// The request was done.
    public static let ok = Status(rawValue: "ok")
    /// The request is under way; more follows.
    public static let progress = Status(rawValue: "progress")

    /// The error classes that the bus knows, in the order of docs/protocol.md.
    public static let errors: [BerthError.Code] = [
        .invalid, .unauthenticated, .denied, .notFound, .conflict, .exhausted, .unsupported, .retry, .deadline, .cancelled, .unreachable,
        .broken, .busy,
    ]

    /// The class of the error; nil for `ok` and `progress`.
    public var code: BerthError.Code? {
        self == .ok || self == .progress ? nil : BerthError.Code(rawValue: rawValue)
    }

    /// Whether a reply with this status is the last one.
    public var isFinal: Bool { self != .progress }
}
