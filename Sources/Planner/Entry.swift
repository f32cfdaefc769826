import Model

/// A lease inside the plan.
struct Entry: Sendable {
    struct Group: Sendable {
        var room: Room
        var count: Int
        var style: Plan.Group.Style
        /// Its place among the plan's filters; -1: none.
        var filter: Int
    }

    var alive = false
    var request: Plan.Request
    var groups: [Group] = [] {
        didSet { total = groups.reduce(.zero) { $0 + Sum($1.room, times: $1.count) } }
    }
    /// What all its machines take together.
    private(set) var total = Sum.zero
    var phase = Phase.waiting
    /// The node of each machine, group by group; -1: none.
    var places: [Int32] = []
    /// Where its room is taken in the timeline; equal: nowhere.
    var holdStart: Int64 = 0
    var holdEnd: Int64 = 0
    /// When it runs: after resuming, at the latest with `holdStart`.
    var start: Int64 = 0
    /// When it would end if nobody made it yield.
    var fullEnd: Int64 = 0
    /// It must have made room by then (then `holdEnd` is the same).
    var yieldAt: Int64?
    /// Milliseconds of duration left at `start`; `Int64.max`: no end.
    var work: Int64 = 0
    var ran: Int64 = 0
    var submitted: Int64 = 0
    /// The order of arrival.
    var sequence = 0
    var preemptions = 0
    var asleep = false
    /// Its room is a promise to one that waits: it moves when something better turns up.
    var promised = false
    /// Where it sleeps; empty: nowhere.
    var bed: [Int32] = []
    /// Holds its disk on its bed.
    var resting = false
    var everStarted = false
    var generation: Int32 = 0
    var epoch = 0
    var prepareAhead: Int64 = 0
    var priceFactor = 1.0

    init(_ request: Plan.Request) {
        self.request = request
    }

    var holds: Bool { holdEnd > holdStart }
    var isWaiting: Bool { phase == .waiting || (phase == .suspended && !asleep) }
    /// Its room is nobody else's, whatever comes.
    var isHard: Bool { !request.preemptible && !promised }

    var machines: Int { groups.reduce(0) { $0 + $1.count } }

    /// The groups' machines node by node: group, node, how many in a row.
    func forEachRun(_ body: (Int, Int32, Int) -> Void) { forEachRun(of: places, body) }

    func forEachRun(of places: [Int32], _ body: (Int, Int32, Int) -> Void) {
        var position = 0
        for (group, plan) in groups.enumerated() {
            let end = min(position + plan.count, places.count)
            while position < end {
                let node = places[position]
                var next = position + 1
                while next < end, places[next] == node { next += 1 }
                if node >= 0 { body(group, node, next - position) }
                position = next
            }
        }
    }

    /// As a number of milliseconds after `instant`, without running over.
    static func after(_ instant: Int64, _ duration: Int64) -> Int64 {
        duration == Int64.max ? Int64.max : instant + duration
    }
}

/// A provider's nodes in the order in which they are filled.
struct Pool: Sendable {
    var provider: Provider
    /// Nodes by their place in `Plan.nodes`.
    var members: [Int32] = []
    var stale = true
    /// What is free at this moment, and what is free at every moment from now on.
    var present = RoomTree([])
    var always = RoomTree([])
    var usable = 0
}

struct NodeState: Sendable {
    var facts: Node
    var pool: Int
    var position = 0
    /// Total less what others use.
    var capacity: Room
    /// Free of everybody, and free of all that may not be preempted.
    var free: StepFunction<Room>
    var firm: StepFunction<Room>
    /// Leases that hold room here, now or later, once for each run of machines.
    var holders: [Int32] = []
    var known = true

    var usable: Bool { known && facts.state == .up }
}

/// A requirement with its answer for every node.
struct Filter: Sendable {
    var requirement: Requirement
    /// For each pool a bit for each of its nodes, by position.
    var bits: [[UInt64]] = []
    var stale = true
}

struct Project: Sendable {
    var quota = Quota()
    /// What its quota leaves, over time; nil: no limit.
    var left: StepFunction<Room>?
    /// CPU milliseconds used, fading, as of `usedAt`.
    var used = 0.0
    var usedAt: Int64 = 0
    var running: Int64 = 0
}

/// How long an owner's last leases really took, as parts of what was asked for.
struct Habit: Sendable {
    var last: Int64 = -1
    var before: Int64 = -1

    mutating func learn(_ duration: Int64) {
        before = last
        last = duration
    }

    /// The mean of the last two.
    var typical: Int64? {
        guard last >= 0 else { return nil }
        return before >= 0 ? (last + before) / 2 : last
    }
}
