/// `[monitor]`, and what `[provider NAME]` says otherwise: how often is looked, and what follows from a machine's load.
public struct MonitorSettings: Sendable, Equatable {
    /// How often something is looked at, in milliseconds.
    public struct Periods: Sendable, Equatable {
        /// All machines of a provider.
        public var list: Int64 = 30_000
        public var capacity: Int64 = 30_000
        public var catalog: Int64 = 600_000
        public var health: Int64 = 30_000
        /// A machine that is not ready yet.
        public var inspect: Int64 = 2_000
        /// The load of machines of elastic leases, where the driver does not tell of it by itself.
        public var usage: Int64 = 15_000
        /// Credentials, where the driver does not say when they end; nil: not by the clock.
        public var renew: Int64?

        public init() {}

        public static let names = ["list", "capacity", "catalog", "health", "inspect", "usage", "renew"]

        /// Takes the keys `poll` and `poll.NAME` over these.
        public func changed(poll: Int64?, each: (String) -> Int64?) -> Periods {
            var periods = self
            if let poll { (periods.list, periods.capacity, periods.health) = (poll, poll, poll) }
            periods.list = each("list") ?? periods.list
            periods.capacity = each("capacity") ?? periods.capacity
            periods.catalog = each("catalog") ?? periods.catalog
            periods.health = each("health") ?? periods.health
            periods.inspect = each("inspect") ?? periods.inspect
            periods.usage = each("usage") ?? periods.usage
            periods.renew = each("renew") ?? periods.renew
            return periods
        }
    }

    public var periods = Periods()
    /// Of the providers that say something themselves.
    public var providers: [String: Periods] = [:]
    /// An elastic lease grows at this load of its machines' cpus, 0–1, and shrinks at that one.
    public var growAbove = 0.9
    public var shrinkBelow = 0.5
    /// How long the load must have been so, and how long a change is given to show.
    public var settle: Int64 = 60_000
    /// Credentials are renewed so long before they end.
    public var renewBefore: Int64 = 300_000
    /// The longest that one try to connect to a machine may take.
    public var probeTimeout: Int64 = 3_000
    public var notifiers: [NotifierSettings] = []

    public init() {}

    public func periods(of provider: String) -> Periods { providers[provider] ?? periods }
}

/// `[notify NAME]`: whom to tell, and of what.
public struct NotifierSettings: Sendable, Equatable {
    /// What a lease's owner may want to hear of.
    public enum Occasion: String, Sendable, CaseIterable {
        case beforeStart = "before-start"
        case start
        case beforeEnd = "before-end"
        case end
        case preemption
        case failure
    }

    /// How it is told.
    public enum Way: Sendable, Equatable {
        /// `/bin/sh -c`, with the message on its standard input and the main things in variables.
        case command(String)
        /// A POST by a `curl` process.
        case url(String)
    }

    public var name: String
    public var way: Way
    public var occasions: Set<Occasion>
    /// How long before a start or an end, in milliseconds.
    public var beforeStart: Int64
    public var beforeEnd: Int64
    /// How long one try may take.
    public var timeout: Int64 = 30_000
    /// The pause after a try that failed; doubled each time, up to ten minutes.
    public var retry: Int64 = 10_000
    /// How often it is tried again before it is given up.
    public var retries = 20

    public init(
        name: String, way: Way, occasions: Set<Occasion> = Set(Occasion.allCases), beforeStart: Int64 = 600_000, beforeEnd: Int64 = 600_000
    ) {
        self.name = name
        self.way = way
        self.occasions = occasions
        self.beforeStart = beforeStart
        self.beforeEnd = beforeEnd
    }
}
