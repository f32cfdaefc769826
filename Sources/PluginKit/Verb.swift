/// What can be done to a machine. Open: a driver may add verbs of its own, named `vendor.verb`.
public struct Verb: Sendable, Hashable, RawRepresentable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }

    public var description: String { rawValue }

    public static let start: Verb = "start"
    public static let stop: Verb = "stop"
    public static let reboot: Verb = "reboot"
    public static let pause: Verb = "pause"
    public static let unpause: Verb = "unpause"
    public static let suspend: Verb = "suspend"
    public static let resume: Verb = "resume"
    public static let destroy: Verb = "destroy"
    public static let resize: Verb = "resize"
    public static let snapshot: Verb = "snapshot"
    public static let restore: Verb = "restore"
    public static let console: Verb = "console"
    public static let migrate: Verb = "migrate"
    /// Renews credentials; its id is `""`.
    public static let renew: Verb = "renew"
    /// Whether the agent inside the machine answers: fails with RETRY while it does not. For leases with `ready = agent`.
    public static let agent: Verb = "agent"
}

/// What a driver can do. The host never calls what is not listed.
public struct Capability: Sendable, Hashable, RawRepresentable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(stringLiteral value: String) { rawValue = value }

    /// The driver takes this verb.
    public init(_ verb: Verb) { rawValue = verb.rawValue }

    public var description: String { rawValue }

    public static let create: Capability = "create"
    public static let catalog: Capability = "catalog"
    /// The driver tells of changes by itself (``Host/emit(_:)``).
    public static let events: Capability = "events"
    /// Several calls at a time on one object are fine.
    public static let reentrant: Capability = "reentrant"

    public static let start = Capability(.start)
    public static let stop = Capability(.stop)
    public static let reboot = Capability(.reboot)
    public static let pause = Capability(.pause)
    public static let unpause = Capability(.unpause)
    public static let suspend = Capability(.suspend)
    public static let resume = Capability(.resume)
    public static let destroy = Capability(.destroy)
    public static let resize = Capability(.resize)
    public static let snapshot = Capability(.snapshot)
    public static let restore = Capability(.restore)
    public static let console = Capability(.console)
    public static let migrate = Capability(.migrate)
    public static let renew = Capability(.renew)
    public static let agent = Capability(.agent)
}
