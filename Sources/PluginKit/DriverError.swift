/// Why a call failed: a class that the host acts on, words for a person, and the provider's own words.
///
/// From `create`, the classes with ``Status/promisesNothing`` are a promise that no machine exists or will appear under
/// the key; with every other class the host asks again with the same key.
public struct DriverError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The statuses of the ABI (`BERTH_…`).
    public enum Status: Int32, Sendable, CaseIterable {
        /// A passing failure: the same call may succeed later.
        case retry = -1
        /// The request is wrong and will stay wrong.
        case invalid = -2
        /// This driver or provider cannot do it.
        case unsupported = -3
        /// No such machine, image, network.
        case notFound = -4
        /// The state of things forbids it now.
        case conflict = -5
        /// Credentials refused, or not enough rights.
        case denied = -6
        /// No room, quota used up.
        case exhausted = -7
        /// The host asked to stop and the driver did.
        case cancelled = -8
        /// The deadline of the call passed.
        case deadline = -9
        /// The provider does not answer.
        case unreachable = -10
        /// The driver's own fault, or a provider that answers nonsense.
        case broken = -11

        /// Whether `create` promises with it that nothing exists or will appear under the key.
        public var promisesNothing: Bool {
            switch self {
            case .invalid, .unsupported, .conflict, .denied, .exhausted: true
            case .retry, .notFound, .cancelled, .deadline, .unreachable, .broken: false
            }
        }
    }

    public var status: Status
    /// What is wrong, for a person. Never holds a secret.
    public var message: String
    /// The provider's own words, such as `HTTP 403: quota exceeded`.
    public var native: String?

    public init(_ status: Status, _ message: String, native: String? = nil) {
        self.status = status
        self.message = message
        self.native = native
    }

    public var description: String {
        native.map { "\(message): \($0)" } ?? message
    }

    /// What to tell the host for any error.
    init(wrapping error: any Error) {
        self = error as? DriverError ?? DriverError(.broken, "the driver failed", native: "\(error)")
    }
}

extension DriverError {
    public static func retry(_ message: String, native: String? = nil) -> Self { Self(.retry, message, native: native) }
    public static func invalid(_ message: String, native: String? = nil) -> Self { Self(.invalid, message, native: native) }
    public static func unsupported(_ message: String, native: String? = nil) -> Self { Self(.unsupported, message, native: native) }
    public static func notFound(_ message: String, native: String? = nil) -> Self { Self(.notFound, message, native: native) }
    public static func conflict(_ message: String, native: String? = nil) -> Self { Self(.conflict, message, native: native) }
    public static func denied(_ message: String, native: String? = nil) -> Self { Self(.denied, message, native: native) }
    public static func exhausted(_ message: String, native: String? = nil) -> Self { Self(.exhausted, message, native: native) }
    public static func cancelled(_ message: String, native: String? = nil) -> Self { Self(.cancelled, message, native: native) }
    public static func deadline(_ message: String, native: String? = nil) -> Self { Self(.deadline, message, native: native) }
    public static func unreachable(_ message: String, native: String? = nil) -> Self { Self(.unreachable, message, native: native) }
    public static func broken(_ message: String, native: String? = nil) -> Self { Self(.broken, message, native: native) }
}
