/// Why a header line is none. The words go to whoever sent it.
public enum HeaderError: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLong
    case notASCII(at: Int)
    case version
    case space(at: Int)
    case missing(Part)
    case malformed(Part)
    case tooLongPart(Part, limit: Int)
    case option(at: Int)
    case unknownOption(String)
    case twice(String)
    case value(String)

    /// A word of the line.
    public enum Part: String, Sendable, CustomStringConvertible {
        case verb, id, status
        public var description: String { rawValue }
    }

    public var description: String {
        switch self {
        case .tooLong: "the header line has more than \(Limits.header) bytes"
        case .notASCII(let at): "the header line holds a byte that is no printable ASCII character, at byte \(at)"
        case .version: "the header line does not start with 'BERTH/1 '"
        case .space(let at): "words of the header line are separated by single spaces: see byte \(at)"
        case .missing(let part): "the header line has no \(part)"
        case .malformed(.verb): "a verb is two or more words of a-z, 0-9 and '-' with dots between them, such as lease.create"
        case .malformed(.status): "a status is one word of a-z and '-'"
        case .malformed(.id): "an id is 1 to \(Limits.id) printable characters without spaces, and not '-' alone"
        case .tooLongPart(let part, let limit): "the \(part) has more than \(limit) bytes"
        case .option(let at): "an option is NAME=VALUE: see byte \(at)"
        case .unknownOption(let name): "there is no option '\(name)'; known are deadline, key, as, traceparent and progress"
        case .twice(let name): "the option '\(name)' is given twice"
        case .value(let name): "the value of '\(name)' \(HeaderError.wanted[name] ?? "is not valid")"
        }
    }

    private static let wanted = [
        "deadline": "is a whole number of milliseconds, at most \(Limits.deadline)",
        "key": "has 1 to \(Limits.key) characters",
        "as": "has 1 to \(Limits.account) characters",
        "traceparent": "has 1 to \(Limits.traceparent) characters",
        "progress": "is yes or no",
        "owner": "has 1 to \(Limits.account) characters",
        "role": "is operator, client or component",
    ]
}
