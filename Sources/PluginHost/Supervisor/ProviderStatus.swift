public import Model

/// What a provider is at the moment.
public enum ProviderState: String, Sendable, CaseIterable {
    /// Open, and its last health call went well.
    case ready
    /// Switched off in the configuration.
    case disabled
    /// Cannot be put to use as it is configured: its plugin is not ready, or its settings do not fit.
    case unconfigured
    /// The first worker is on its way: loading, opening, asking for health.
    case starting
    /// The provider does not answer; tried again by itself.
    case unreachable
    /// Open, but the driver says that something is wrong.
    case degraded
    /// Works, and takes nothing new: the operator's word.
    case draining
    /// Its worker died or is being replaced; another follows at once.
    case restarting
    /// Died or was refused too often; tried again later, or at once on reset or a changed file.
    case quarantined
}

/// A provider's state with its reason, for people and for the bus.
public struct ProviderStatus: Sendable, Equatable {
    public var name: String
    public var plugin: String
    public var isolation: Isolation
    public var state: ProviderState
    /// Why it is not ready, and what to do.
    public var reason: String?
    public var since: Instant
    /// When it is tried again by itself.
    public var retry: Instant?
    /// The worker's process; nil in `thread` isolation and where there is none.
    public var process: Int32?
    /// How many workers followed the first one.
    public var restarts: Int = 0
    /// How the last worker ended that was not asked to: `signal 11 (SIGSEGV)`.
    public var death: String?
    /// The calls that were in flight then: `create`.
    public var callsAtDeath: [String] = []
    /// The last lines that the last worker printed.
    public var lastLines: [String] = []
    /// What the open driver says of itself.
    public var identity: DriverLibrary.Identity?
    public var capabilities: [String] = []

    public init(name: String, plugin: String, isolation: Isolation, state: ProviderState, reason: String? = nil, since: Instant) {
        self.name = name
        self.plugin = plugin
        self.isolation = isolation
        self.state = state
        self.reason = reason
        self.since = since
    }

    /// Whether calls reach the driver now or will shortly.
    public var takesCalls: Bool {
        switch state {
        case .ready, .degraded, .draining, .starting, .restarting, .unreachable: true
        case .disabled, .unconfigured, .quarantined: false
        }
    }
}
