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

    public init(_ settings: Settings = Settings()) {
        self.settings = settings
    }
}

/// A place in the plan's journal.
public struct Mark: Sendable, Hashable {
    let position: Int
}

extension Plan {
    // MARK: nodes

    /// Adds a provider or changes what is known of it. A node of an unknown provider gets one with defaults.
    public mutating func upsert(_ provider: Provider) {}

    /// Adds a node or changes what is known of it. Leases stay where they are, also where the node shrank below what they hold:
    /// `overfull` tells.
    public mutating func upsert(_ node: Node) {}

    /// Nodes whose leases hold more than the node has, now or later (it shrank, or others use more of it).
    public func overfull() -> [NodeID] { [] }

    /// The node is out of the configuration: no room any more. Answers the machines that were there; they stay in their leases,
    /// unplanned, until `replace`, `release` or `end`.
    public mutating func remove(_ node: NodeID) -> [LostMachine] { [] }

    /// An operator says that the node and all on it is gone (`provider.lost`). As `remove`, but the node is kept as down.
    public mutating func lost(_ node: NodeID) -> [LostMachine] { [] }

    /// What to do with the machines of a node that is being emptied.
    public enum DrainWay: String, Sendable, Hashable, CaseIterable {
        /// Let them end by themselves.
        case wait
        /// Move them running where the provider can; the rest waits.
        case migrate
        /// Migrate what can be, suspend and move what may be suspended; the rest waits.
        case suspend
    }

    /// Nothing new on this node from now on; leases that have not started are moved away, and running ones as `way` says. The moves
    /// come out of the next `advance`. The report names what stays, why, and until when.
    public mutating func drain(_ node: NodeID, way: DrainWay, now: Instant) -> DrainReport { DrainReport() }

    /// Takes machines again.
    public mutating func resume(_ node: NodeID) {}

    // MARK: projects

    public mutating func set(_ quota: Quota, project: String) {}

    // MARK: requests

    /// Places, queues or refuses. What it places holds its room at once. An id that the plan knows already is refused as `invalid`.
    public mutating func decide(_ request: Request, now: Instant) -> Decision { .queued(expected: nil) }

    /// The same answer with nothing kept: `lease.create` with `dry_run`.
    public mutating func tryOut(_ request: Request, now: Instant) -> Decision { .queued(expected: nil) }

    /// Why a request gets the answer it gets, or why a lease in the queue still waits: node by node, for the time it wants.
    public func explain(_ request: Request, now: Instant) -> Explanation { Explanation() }

    /// How many machines of this size fit now, until cancelled, by provider; providers without any are there with 0. A create of
    /// exactly that many on that provider succeeds.
    public func fits(_ each: Resources, requirement: Requirement? = nil, project: String = "", now: Instant) -> [String: Int] { [:] }

    // MARK: leases

    /// The lease is over, early or late or before it began: whatever it holds is free at once. False: not known.
    @discardableResult public mutating func end(_ lease: String, now: Instant) -> Bool { false }

    /// A machine is gone and nothing replaces it: its room is free.
    public mutating func release(_ lease: String, group: Int, index: Int, now: Instant) {}

    /// Another node for a machine that failed (step 11 of the way of a request), from now to the lease's end, not on those of
    /// `avoiding`. Nil: there is no room; the machine keeps no room then.
    public mutating func replace(_ lease: String, group: Int, index: Int, avoiding: Set<NodeID> = [], now: Instant) -> NodeID? { nil }

    /// Re-times, widens or shrinks a lease: all of it, or refused with offers and nothing changed.
    public mutating func change(_ lease: String, _ change: Change, now: Instant) -> Decision { .queued(expected: nil) }

    /// A running lease must go to sleep because its owner says so. The room is free at the `by` of the answer; it comes back by
    /// `wake` alone. Nil: unknown, not running, or a provider under it cannot suspend.
    public mutating func suspend(_ lease: String, now: Instant) -> Action? { nil }

    /// A lease that its owner put to sleep may run again: it queues, and `resume` comes out of `advance`. For one that was preempted
    /// there is nothing to do. False: not known or not asleep.
    @discardableResult public mutating func wake(_ lease: String, now: Instant) -> Bool { false }

    /// A suspend is through: the rest of its time is given back.
    public mutating func suspended(_ lease: String, now: Instant) {}

    /// A lease that the ledger holds, after a restart: it takes its place as it was, without being asked whether there is room.
    /// Adopt what runs or is promised first, then what waits.
    public mutating func adopt(_ lease: Adopted) {}

    // MARK: time

    /// Moves the time on and hands out what is due.
    public mutating func advance(to time: Instant) -> [Action] { [] }

    /// When `advance` has something to do if nothing else happens before; nil: never.
    public var nextWake: Instant? { nil }

    // MARK: commit and undo

    public mutating func mark() -> Mark { Mark(position: 0) }

    /// Everything up to the mark is durable: it cannot be undone any more.
    public mutating func settle(_ mark: Mark) {}

    /// Puts all leases back as they were at the mark. Marks made later are void.
    public mutating func undo(to mark: Mark) {}

    // MARK: looking

    /// What the plan knows of a lease; nil: nothing (never asked for, refused, or ended).
    public func lease(_ id: String) -> LeaseView? { nil }

    /// The ids of the leases that wait, in the order in which they are served.
    public var queue: [String] { [] }

    /// Everything, as plain values: `berth simulate --what-if` reads it, and `adopt` takes its leases.
    public func snapshot() -> PlanSnapshot { PlanSnapshot() }
}
