public import Model

/// What an operation returns: `berth_status_t`. A number that the ABI does not know is `broken`.
public enum CallStatus: Int32, Sendable, CaseIterable {
    case ok = 0
    case retry = -1
    case invalid = -2
    case unsupported = -3
    case notFound = -4
    case conflict = -5
    case denied = -6
    case exhausted = -7
    case cancelled = -8
    case deadline = -9
    case unreachable = -10
    case broken = -11

    public init(returned value: Int32) {
        self = CallStatus(rawValue: value) ?? .broken
    }

    /// The same class as the bus names it; nil for `ok`.
    public var code: BerthError.Code? {
        switch self {
        case .ok: nil
        case .retry: .retry
        case .invalid: .invalid
        case .unsupported: .unsupported
        case .notFound: .notFound
        case .conflict: .conflict
        case .denied: .denied
        case .exhausted: .exhausted
        case .cancelled: .cancelled
        case .deadline: .deadline
        case .unreachable: .unreachable
        case .broken: .broken
        }
    }
}
