public import Model

extension Plan {
    /// What is asked of the planner: machines in groups, how firmly, and when. The id is the caller's and opaque.
    public struct Request: Sendable, Hashable {
        public var id: String
        /// Quotas and fair share count by project.
        public var project: String
        /// Who in the project: run times are learned by owner.
        public var owner: String
        public var kind: LeaseKind
        public var groups: [Group]
        /// When it was asked for; its age counts from here. Nil: when it is decided.
        public var submitted: Instant?
        /// Advance only.
        public var start: Instant?
        /// Milliseconds it may run, from its start; nil: until ended (immediate and best-effort only).
        public var duration: Int64?
        /// Deadline only: everything is over by then.
        public var deadline: Instant?
        /// Not before; not after (a queued lease that has not started by then is refused).
        public var validFrom: Instant?
        public var validUntil: Instant?
        /// All machines or none. Otherwise as many as there is room for, at least one.
        public var atomic: Bool
        public var preemptible: Bool
        /// Higher goes first, and makes room last.
        public var priority: Int
        public var onPreempt: OnPreempt
        /// How long before its start its machines are made; nil: the provider's boot time.
        public var prepareAhead: Int64?
        /// Which members may serve it; nil: any. An empty name stands for here.
        public var members: Set<String>?

        public init(
            id: String, project: String = "", owner: String = "", kind: LeaseKind = .immediate, groups: [Group], submitted: Instant? = nil,
            start: Instant? = nil, duration: Int64? = nil, deadline: Instant? = nil, validFrom: Instant? = nil, validUntil: Instant? = nil,
            atomic: Bool = true, preemptible: Bool? = nil, priority: Int = 0, onPreempt: OnPreempt = .suspend, prepareAhead: Int64? = nil,
            members: Set<String>? = nil
        ) {
            self.id = id
            self.project = project
            self.owner = owner
            self.kind = kind
            self.groups = groups
            self.submitted = submitted
            self.start = start
            self.duration = duration
            self.deadline = deadline
            self.validFrom = validFrom
            self.validUntil = validUntil
            self.atomic = atomic
            self.preemptible = preemptible ?? (kind == .bestEffort)
            self.priority = priority
            self.onPreempt = onPreempt
            self.prepareAhead = prepareAhead
            self.members = members
        }

        /// Where a lease may be that may be anywhere: members promise nothing ahead of time, so what is guaranteed at a time stays here.
        public static func members(ofKind kind: LeaseKind) -> Set<String>? { kind == .advance || kind == .deadline ? [""] : nil }

        public var machineCount: Int { groups.reduce(0) { $0 + $1.count } }

        /// What all its machines take together.
        public var total: Resources { groups.reduce(.zero) { $0 + $1.each * $1.count } }
    }

    /// Machines of one size under one name.
    public struct Group: Sendable, Hashable {
        public enum Style: String, Sendable, Hashable {
            /// Fill nodes up, so that large rooms stay whole.
            case pack
            /// Each machine on another node as far as there are any, the emptiest first.
            case spread
            /// As spread, but two machines of the group never share a node.
            case apart
        }

        public var name: String
        public var count: Int
        /// What each machine takes; `Resources.machine` counts the slot.
        public var each: Resources
        public var requirement: Requirement?
        public var style: Style
        /// Leases (by id) whose nodes are preferred, and whose nodes are never used.
        public var near: Set<String>
        public var away: Set<String>

        public init(
            name: String = "", count: Int = 1, each: Resources, requirement: Requirement? = nil, style: Style = .pack,
            near: Set<String> = [],
            away: Set<String> = []
        ) {
            self.name = name
            self.count = count
            self.each = each
            self.requirement = requirement
            self.style = style
            self.near = near
            self.away = away
        }
    }
}
