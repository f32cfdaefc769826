public import Model

/// Where a lease is on its way through the plan.
public enum Phase: String, Sendable, Hashable {
    /// In the queue, never started.
    case waiting
    /// Has its room at a later time.
    case planned
    /// Its machines are being made or run.
    case running
    /// Going to sleep.
    case suspending
    /// Asleep: in the queue to resume, or until its owner wakes it.
    case suspended
    /// Has its room to resume at a later time, or is waking.
    case resuming
}

/// What the plan knows of a lease.
public struct LeaseView: Sendable, Hashable {
    public var request: Plan.Request
    public var phase: Phase
    /// Its room: now, or at its start; where it slept, when it is suspended. Nil while it waits.
    public var placement: Placement?
    /// How often it had to make room for others.
    public var preemptions: Int
    /// Milliseconds of its duration that it has run.
    public var ran: Int64
    /// Put to sleep by its owner.
    public var asleep: Bool

    public init(request: Plan.Request, phase: Phase, placement: Placement?, preemptions: Int = 0, ran: Int64 = 0, asleep: Bool = false) {
        self.request = request
        self.phase = phase
        self.placement = placement
        self.preemptions = preemptions
        self.ran = ran
        self.asleep = asleep
    }
}

/// A lease as the ledger remembers it: what `LeaseView` shows, given back.
public typealias Adopted = LeaseView

/// What a lease may become.
public struct Change: Sendable, Hashable {
    /// A new end for one that runs, or is planned.
    public var end: Instant?
    /// A new start for one that has not begun (its duration stays unless `end` is given too).
    public var start: Instant?
    /// New machine counts by group. Fewer: the machines with the highest indices go.
    public var counts: [Int: Int]

    public init(end: Instant? = nil, start: Instant? = nil, counts: [Int: Int] = [:]) {
        self.end = end
        self.start = start
        self.counts = counts
    }
}

/// A machine whose node is no more.
public struct LostMachine: Sendable, Hashable {
    public var lease: String
    public var group: Int
    public var index: Int

    public init(lease: String, group: Int, index: Int) {
        self.lease = lease
        self.group = group
        self.index = index
    }
}

/// What becomes of the machines of a node that is drained.
public struct DrainReport: Sendable, Hashable {
    public struct Stay: Sendable, Hashable {
        public var lease: String
        public var why: String
        /// Nil: until it is ended.
        public var until: Instant?

        public init(lease: String, why: String, until: Instant?) {
            self.lease = lease
            self.why = why
            self.until = until
        }
    }

    /// Leases that move before or without running there again.
    public var moves: [String]
    public var stays: [Stay]

    public init(moves: [String] = [], stays: [Stay] = []) {
        self.moves = moves
        self.stays = stays
    }
}

/// A plan as plain values.
public struct PlanSnapshot: Sendable, Hashable {
    public var now: Instant
    public var providers: [Provider]
    public var nodes: [Node]
    public var quotas: [String: Quota]
    public var leases: [LeaseView]

    public init(
        now: Instant = Instant(milliseconds: 0), providers: [Provider] = [], nodes: [Node] = [], quotas: [String: Quota] = [:],
        leases: [LeaseView] = []
    ) {
        self.now = now
        self.providers = providers
        self.nodes = nodes
        self.quotas = quotas
        self.leases = leases
    }
}
