public import Model

/// A lease with its machines in the order of their making.
public struct StoredLease: Sendable, Equatable {
    public var lease: Lease
    public var machines: [Machine]

    public init(lease: Lease, machines: [Machine]) {
        self.lease = lease
        self.machines = machines
    }
}

/// Everything that is not final.
public struct LedgerSnapshot: Sendable {
    public var leases: [Lease] = []
    /// All machines of those leases, the final ones too; those of one lease in the order of their making.
    public var machines: [Machine] = []
    /// All intents that are not closed, tombstones included, in the order of their making.
    public var intents: [Intent] = []
    public var records: [Record] = []
    /// The first number for a new intent.
    public var nextIntent: Int64 = 1
    /// When this ledger was restored from a backup, until an operator accepts it: machines at providers that it does not know may be newer
    /// than the backup, and are only listed.
    public var restored: Instant?

    public init() {}
}

public struct LeaseQuery: Sendable {
    /// Nil: all, final ones too.
    public var states: Set<LeaseState>?
    public var owner: String?
    public var name: String?
    /// Only leases made after this one.
    public var after: LeaseID?
    public var limit: Int

    public init(states: Set<LeaseState>? = nil, owner: String? = nil, name: String? = nil, after: LeaseID? = nil, limit: Int = 100) {
        self.states = states
        self.owner = owner
        self.name = name
        self.after = after
        self.limit = limit
    }
}

public struct MachineQuery: Sendable {
    public var states: Set<MachineState>?
    public var lease: LeaseID?
    public var provider: String?
    /// The owner of its lease.
    public var owner: String?
    public var after: MachineID?
    public var limit: Int

    public init(
        states: Set<MachineState>? = nil, lease: LeaseID? = nil, provider: String? = nil, owner: String? = nil, after: MachineID? = nil,
        limit: Int = 100
    ) {
        self.states = states
        self.lease = lease
        self.provider = provider
        self.owner = owner
        self.after = after
        self.limit = limit
    }
}

/// A page of a list; `next` is where the following one starts.
public struct Page<Element: Sendable>: Sendable {
    public var elements: [Element]
    /// The `after` of the next page; nil: this was the last.
    public var next: String?

    public init(elements: [Element], next: String?) {
        self.elements = elements
        self.next = next
    }
}

public struct EventQuery: Sendable {
    public var after: Int64
    /// Only topics that start with one of these; empty: all.
    public var topics: [String]
    /// Only events of this owner and those of nobody; nil: all.
    public var owner: String?
    public var limit: Int

    public init(after: Int64, topics: [String] = [], owner: String? = nil, limit: Int = 1000) {
        self.after = after
        self.topics = topics
        self.owner = owner
        self.limit = limit
    }
}

public struct EventPage: Sendable {
    public var events: [Event]
    /// Everything up to here was looked at: the `after` of the next call, also where the filter left nothing.
    public var next: Int64

    public init(events: [Event], next: Int64) {
        self.events = events
        self.next = next
    }
}
