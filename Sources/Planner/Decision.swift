public import Model

/// What became of a request.
public enum Decision: Sendable, Hashable {
    /// It has its room, now or at its start.
    case placed(Placement)
    /// It waits. `expected` is when it would start as things are, where the planner has promised or computed it.
    case queued(expected: Instant?)
    case refused(Refusal)
}

/// Where each machine of a lease goes, and from when to when.
public struct Placement: Sendable, Hashable {
    public struct Machine: Sendable, Hashable {
        /// The group's place in the request.
        public var group: Int
        /// The machine's place in its group, from 0.
        public var index: Int
        public var node: NodeID

        public init(group: Int, index: Int, node: NodeID) {
            self.group = group
            self.index = index
            self.node = node
        }
    }

    public var lease: String
    public var start: Instant
    /// Nil: until it is ended.
    public var end: Instant?
    /// When the machines should be made: the start, less the time to prepare.
    public var prepare: Instant
    public var machines: [Machine]
    /// Machines that were asked for and are not placed: only where the request is not atomic.
    public var missing: Int
    /// What it costs until its end (an hour where it has none), by the tariffs.
    public var price: Double
    /// Leases that must make room. Their `suspend` (or `stop`, `cancel`) follows from `advance` in time; for information here.
    public var preempts: [String]

    public init(
        lease: String, start: Instant, end: Instant?, prepare: Instant, machines: [Machine], missing: Int = 0, price: Double = 0,
        preempts: [String] = []
    ) {
        self.lease = lease
        self.start = start
        self.end = end
        self.prepare = prepare
        self.machines = machines
        self.missing = missing
        self.price = price
        self.preempts = preempts
    }
}

/// Why not, and what would be possible.
public struct Refusal: Sendable, Hashable {
    public enum Reason: String, Sendable, Hashable {
        /// The request contradicts itself (no machines, an advance without a start, …).
        case invalid
        /// Too little room when it is wanted, but enough at another time.
        case busy
        /// More than there is, even with everything empty.
        case never
        /// No node satisfies the requirements.
        case requirements
        case quota
        /// It was to have started by now.
        case tooLate = "too-late"
    }

    public var reason: Reason
    /// One sentence for a person.
    public var message: String
    /// The first time at which exactly this request could start, as things are; nil: never, or not known.
    public var earliest: Instant?
    /// Other times and sizes that would be accepted now, nearest first.
    public var offers: [Offer]
    /// For each kind of node what was asked and what was there; empty when explanations are off.
    public var explanation: Explanation

    public init(reason: Reason, message: String, earliest: Instant? = nil, offers: [Offer] = [], explanation: Explanation = Explanation()) {
        self.reason = reason
        self.message = message
        self.earliest = earliest
        self.offers = offers
        self.explanation = explanation
    }
}

/// Something that would be accepted as things are.
public struct Offer: Sendable, Hashable {
    public enum Change: String, Sendable, Hashable {
        /// The same at another time.
        case earlier, later
        /// The same start for a shorter time.
        case shorter
        /// At the time asked for, with fewer machines.
        case fewer
    }

    public var change: Change
    public var start: Instant
    public var duration: Int64?
    public var machines: Int
    public var price: Double

    public init(change: Change, start: Instant, duration: Int64?, machines: Int, price: Double) {
        self.change = change
        self.start = start
        self.duration = duration
        self.machines = machines
        self.price = price
    }
}
