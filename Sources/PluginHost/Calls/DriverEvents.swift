/// Something that a driver reported without a call: `berth_event_t`, copied.
public struct DriverEvent: Sendable, Equatable {
    public enum Kind: Int32, Sendable {
        case state = 1
        case stats = 2
        case health = 3
        case resync = 4
    }

    public var kind: Kind
    /// Unix time in milliseconds.
    public var time: Int64
    /// The machine's id, or empty for the provider itself.
    public var subject: String
    public var data: [UInt8]

    public init(kind: Kind, time: Int64, subject: String, data: [UInt8]) {
        self.kind = kind
        self.time = time
        self.subject = subject
        self.data = data
    }
}

/// Where a session's events and log lines go. Both are called on the driver's threads, must not block, and are not
/// called any more once `DriverSession.close` has returned.
public struct DriverListener: Sendable {
    /// False: the queue is full.
    public var event: @Sendable (DriverEvent) -> Bool
    /// A syslog level and one line.
    public var log: @Sendable (Int32, String) -> Void

    public init(event: @escaping @Sendable (DriverEvent) -> Bool, log: @escaping @Sendable (Int32, String) -> Void) {
        self.event = event
        self.log = log
    }
}
