public import JSON

/// What a lease was asked to be: what, when, how firmly. A request and the lease made from it have the same terms.
public struct LeaseTerms: Sendable, Equatable {
    public var name: String?
    public var kind: LeaseKind
    /// The template that the request started from.
    public var template: String?
    public var groups: [Group]
    public var start: Instant?
    /// In seconds; nil: until cancelled.
    public var duration: Int?
    public var deadline: Instant?
    /// Bound the trying.
    public var validFrom: Instant?
    public var validUntil: Instant?
    public var atomic = true
    public var persistent = false
    public var preemptible = false
    public var priority = 0
    public var elastic: Elastic?
    public var location: Location = .local
    public var onEnd: OnEnd = .destroy
    public var onPreempt: OnPreempt = .suspend
    public var tags: [String: String] = [:]

    public init(kind: LeaseKind, groups: [Group]) {
        self.kind = kind
        self.groups = groups
        preemptible = kind == .bestEffort
    }

    public var machineCount: Int { groups.reduce(0) { $0 + $1.count } }
}

/// How firm the promise is.
public enum LeaseKind: String, Sendable, Hashable, CaseIterable {
    /// Now or refused.
    case immediate
    /// Queued until there is room.
    case bestEffort = "best-effort"
    /// At the given time, guaranteed on acceptance.
    case advance
    /// Any time that lets it end by the deadline.
    case deadline
}

/// What becomes of the machines when the lease ends.
public enum OnEnd: String, Sendable, Hashable, CaseIterable { case destroy, stop, suspend }

/// What becomes of the lease when another one needs its room.
public enum OnPreempt: String, Sendable, Hashable, CaseIterable { case suspend, stop, cancel }

/// How many machines an elastic lease has at least and at most.
public struct Elastic: Sendable, Hashable {
    public var min: Int
    public var max: Int
    /// Whether the planner keeps room for the maximum.
    public var reserve: Bool

    public init(min: Int, max: Int, reserve: Bool = false) {
        self.min = min
        self.max = max
        self.reserve = reserve
    }

    public var json: JSON { ["min": JSON(min), "max": JSON(max), "reserve": JSON(reserve)] }
}

/// The field `where`: this host, any member, or members by name.
public enum Location: Sendable, Hashable {
    case local
    case anywhere
    case members([String])

    public var json: JSON {
        switch self {
        case .local: "local"
        case .anywhere: "anywhere"
        case .members(let names): JSON(names)
        }
    }
}
