public import JSON
public import Model
public import Planner

/// What the configuration says about leases: `[scheduler]`, flavors, images, templates, and what must be known of each provider.
public struct SchedulerSettings: Sendable {
    public var plan = Planner.Settings()
    /// A lease that is not ready so many milliseconds after its start fails.
    public var prepareWithin: Int64 = 30 * 60_000
    /// Machines are made so long before the start; nil: as long as the provider takes to boot one.
    public var prepareAhead: Int64?
    /// How machines of a group are placed that say nothing themselves.
    public var style: Plan.Group.Style = .pack
    public var flavors: [Flavor] = []
    public var images: [Image] = []
    /// `[template NAME]`: bodies of `lease.create`. Those that `lease.save` made lie in the ledger.
    public var templates: [String: JSON] = [:]
    /// By project; `*` stands for those that have none of their own.
    public var quotas: [String: Quota] = [:]
    public var providers: [ProviderSettings] = []
    /// How long a request without a deadline waits for providers that are still starting.
    public var providersWait: Int64 = 10_000
    /// A create that was in flight in so many crashes of its driver becomes a tombstone.
    public var crashLimit = 3
    /// So many machines are tried in the place of one that definitely failed.
    public var replacements = 3
    /// Back-off of calls whose outcome is unknown.
    public var firstRetry: Int64 = 100
    public var lastRetry: Int64 = 60_000

    public init() {}
}

/// What the Scheduler must know of a `[provider NAME]`.
public struct ProviderSettings: Sendable, Equatable {
    public var name: String
    public var plugin: String
    /// Calls in flight at most.
    public var threads: Int
    /// How much more than there is may be given away, by resource.
    public var overcommit: [String: Double]
    public var tags: [String: String]
    public var tariff: Tariff
    /// MiB a second that a suspend writes.
    public var suspendRate: Double
    public var bootMilliseconds: Int64

    public init(
        name: String, plugin: String = "", threads: Int = 1, overcommit: [String: Double] = [:], tags: [String: String] = [:],
        tariff: Tariff = .free, suspendRate: Double = 50, bootMilliseconds: Int64 = 0
    ) {
        self.name = name
        self.plugin = plugin
        self.threads = threads
        self.overcommit = overcommit
        self.tags = tags
        self.tariff = tariff
        self.suspendRate = suspendRate
        self.bootMilliseconds = bootMilliseconds
    }
}
