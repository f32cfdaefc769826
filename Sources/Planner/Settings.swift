public import Model

/// How the planner decides.
public struct Settings: Sendable, Hashable {
    /// How many leases at the head of the queue get a promised start that those behind them may not delay.
    public enum Backfill: Sendable, Hashable, CustomStringConvertible {
        /// Strictly in order.
        case off
        /// The first one has a promise (aggressive, EASY).
        case easy
        case reservations(Int)
        /// Every one.
        case conservative

        public var limit: Int {
            switch self {
            case .off: 0
            case .easy: 1
            case .reservations(let count): count
            case .conservative: Int.max
            }
        }

        public var description: String {
            switch self {
            case .off: "off"
            case .easy: "easy"
            case .conservative: "conservative"
            case .reservations(let count): "\(count)"
            }
        }
    }

    /// In which order the queue is served.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// First come, first served: the published one.
        case fifo
        /// Ours: short and small first by what the owner's leases really took, with ageing, so that nothing starves.
        case balanced
    }

    public var backfill: Backfill
    public var policy: Policy
    /// Explanations cost time: a benchmark switches them off.
    public var explains: Bool
    public var explainedNodes: Int
    /// How far ahead offers and deadline leases are looked for.
    public var horizon: Int64
    public var seed: UInt64
    /// Half-life of a project's past usage in its fair share.
    public var usageHalfLife: Int64

    public init(
        backfill: Backfill = .easy, policy: Policy = .balanced, explains: Bool = true, explainedNodes: Int = 100,
        horizon: Int64 = 400 * 86_400_000, seed: UInt64 = 1, usageHalfLife: Int64 = 7 * 86_400_000
    ) {
        self.backfill = backfill
        self.policy = policy
        self.explains = explains
        self.explainedNodes = explainedNodes
        self.horizon = horizon
        self.seed = seed
        self.usageHalfLife = usageHalfLife
    }
}

/// How much a project may hold at any one time, and what share of the whole it is due.
public struct Quota: Sendable, Hashable {
    /// Nil: no limit. Counted over every moment of a lease, future ones too.
    public var limit: Resources?
    /// The project's weight in fair share.
    public var share: Double

    public init(limit: Resources? = nil, share: Double = 1) {
        self.limit = limit
        self.share = share
    }
}
