public import Model

/// Node by node and constraint by constraint: what was asked, what was there, and who holds the rest until when.
public struct Explanation: Sendable, Hashable {
    public struct Verdict: Sendable, Hashable {
        public enum Obstacle: Sendable, Hashable {
            /// The node takes nothing new.
            case state(Node.State)
            /// The lease may not run at this member.
            case member(String)
            /// This part of the requirement does not hold here.
            case requirement(String)
            /// A lease that must be away from these machines has its own here.
            case away(String)
            /// The node is too small even when empty.
            case size(resource: String, asked: Int64, total: Int64)
            /// At the worst moment of the time asked for, this much is free.
            case room(resource: String, asked: Int64, free: Int64, at: Instant)
        }

        public var node: NodeID
        /// The group this is about, by its place in the request.
        public var group: Int
        /// How many machines of the group fit here (each node by itself, before others of the lease take their share).
        public var fits: Int
        public var obstacle: Obstacle?
        /// Who holds room there at that moment, the largest first, at most a handful.
        public var holders: [Holder]

        public init(node: NodeID, group: Int, fits: Int, obstacle: Obstacle? = nil, holders: [Holder] = []) {
            self.node = node
            self.group = group
            self.fits = fits
            self.obstacle = obstacle
            self.holders = holders
        }
    }

    public struct Holder: Sendable, Hashable {
        public var lease: String
        public var takes: Resources
        /// Nil: until it is ended.
        public var until: Instant?

        public init(lease: String, takes: Resources, until: Instant?) {
            self.lease = lease
            self.takes = takes
            self.until = until
        }
    }

    /// The interval that was looked at.
    public var start: Instant?
    public var end: Instant?
    /// In the order in which nodes are tried; long lists are cut after `Settings.explainedNodes`.
    public var verdicts: [Verdict]
    /// How many nodes there are in all, for each obstacle's name: `room cpus: 12`, `requirement: 3`.
    public var summary: [String: Int]
    /// The quota that stands in the way.
    public var quota: String?

    public init(start: Instant? = nil, end: Instant? = nil, verdicts: [Verdict] = [], summary: [String: Int] = [:], quota: String? = nil) {
        self.start = start
        self.end = end
        self.verdicts = verdicts
        self.summary = summary
        self.quota = quota
    }
}
