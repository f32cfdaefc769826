public import Model

/// What is due. `Plan.advance` hands these out in the order in which they must be begun; each is handed out once.
public enum Action: Sendable, Hashable {
    /// Make the machines: the lease starts at `placement.start`, which is now or, with time to prepare, a little later.
    case start(Placement)
    /// Room for missing machines of a lease that is not atomic: make these.
    case add(lease: String, machines: [Placement.Machine])
    /// Suspend all machines of the lease now; its room is given away at `by`. Call `suspended` when it is done.
    case suspend(lease: String, by: Instant)
    /// Shut the lease's machines down now; it waits in the queue and starts again from its beginning later.
    case stop(lease: String, by: Instant)
    /// The lease must go altogether (`on_preempt` is cancel).
    case cancel(lease: String, by: Instant)
    /// Resume on these nodes, ready by `placement.start`… a move where the nodes differ from those it was suspended on.
    case resume(Placement)
    /// Move running machines to other nodes (a node is being drained).
    case migrate(lease: String, machines: [Placement.Machine])
    /// The lease's time is up. Its room is free already.
    case end(lease: String)
    /// A queued lease cannot start any more.
    case reject(lease: String, Refusal)
    /// The nodes of a lease that has not started have changed.
    case replan(Placement)
}
