public import Model

/// Who gets which room when: nodes, the timeline of their room, the leases in it and the queue before it.
///
/// A plain value: no clock, no I/O, no chance; the same calls give the same answers. Time comes in with each call and never runs
/// backwards (an earlier `now` counts as the latest one seen). One owner at a time: the Scheduler's thread, a simulation, a test.
///
/// ## The way of a lease
/// `decide` places, queues or refuses. What it places is in the timeline at once: nobody else gets that room. From then on
/// `advance(to:)` says what is due: `start`, `suspend`, `resume`, `end` … Each action is handed out once; do it, and report what
/// changed the room:
///
/// | what happened | call |
/// |---|---|
/// | the lease is over, also early, or was cancelled in any state | `end` |
/// | a suspend is through | `suspended` (also early; the rest of the time is given back) |
/// | a machine failed and must go elsewhere | `replace` |
/// | a machine is gone for good | `release` |
/// | nodes come, change, go | `upsert`, `remove`, `lost`, `drain` |
///
/// Call `advance` whenever something was given back, and at `nextWake`. A lease that is placed to start now comes out of the next
/// `advance` as `start` too when it came from the queue; a `decide` that answers `placed` with `prepare <= now` is itself the start:
/// no action follows, make the machines. With a later `prepare`, `start` follows from `advance` at `prepare`.
///
/// ## Commit and undo
/// Before a batch: `let mark = plan.mark()`. Committed: `plan.settle(mark)`. Not committed: `plan.undo(to: mark)` puts every lease
/// back as it was at the mark, with all that came after it; nodes, providers and quotas stay, for they are facts.
public struct Plan: Sendable {
    public let settings: Settings
    /// The latest time that any call brought.
    public internal(set) var now = Instant(milliseconds: 0)

    // What there is.
    var lanes = Lanes()
    var nodes: [NodeState] = []
    var nodeIndex: [NodeID: Int32] = [:]
    var pools: [Pool] = []
    var poolIndex: [String: Int] = [:]
    var poolOrder: [Int] = []
    var poolsStale = true
    var filters: [Filter] = []
    var filterIndex: [String: Int] = [:]
    var projects: [String: Project] = [:]

    // Who holds or wants it.
    var entries: [Entry] = []
    var freeSlots: [Int32] = []
    var index: [String: Int32] = [:]
    /// In the queue, in the order of arrival.
    var waiting: [Int32] = []
    /// Has room but may be preempted.
    var soft: [Int32] = []
    var sequence = 0
    /// Advance and deadline leases before their start, by the time from which they hold room.
    var planned: [Int64: [Int32]] = [:]
    var habits: [String: Habit] = [:]

    // Time.
    /// What is free on all usable nodes together.
    var sum = StepFunction<Sum>(.zero)
    var agenda = Agenda()
    var due: [Action] = []
    /// Something was given back: the queue must be looked through.
    var released = false
    var rebound: Int64 = Int64.min

    // Undo.
    var journal: [Entryway] = []
    var marks = 0
    var epoch = 0

    struct Entryway: Sendable {
        var slot: Int32
        var before: Entry?
    }

    public init(_ settings: Settings = Settings()) {
        self.settings = settings
    }
}

/// A place in the plan's journal.
public struct Mark: Sendable, Hashable {
    let position: Int
}
