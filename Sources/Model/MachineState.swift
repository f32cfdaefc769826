/// Where a machine of a lease is: the states of Fogbow's orders, and `suspended`. What the driver says stands beside it, in
/// `Machine.observed`. A final machine may still be there for a while: its destroy intent says so, and its lease stays `ending`.
public enum MachineState: String, StateWithTransitions {
    /// Wanted; not asked for yet.
    case open
    /// Asked for from a member of the federation.
    case pending
    /// A provider is making it.
    case spawning
    /// It runs and is ready.
    case fulfilled
    case suspended
    /// Taken away on its owner's word.
    case deleted
    /// Its time is up, or it was lost and is not made again.
    case closed
    /// It could not be made, or never got ready.
    case failed

    public static let noun = "machine"

    public var successors: [MachineState] {
        switch self {
        case .open: [.pending, .spawning, .deleted, .closed, .failed]
        case .pending: [.open, .spawning, .fulfilled, .deleted, .closed, .failed]
        case .spawning: [.open, .fulfilled, .deleted, .closed, .failed]
        case .fulfilled: [.open, .spawning, .suspended, .deleted, .closed, .failed]
        case .suspended: [.open, .spawning, .fulfilled, .deleted, .closed, .failed]
        case .deleted, .closed, .failed: []
        }
    }
}

/// What a driver said last about a machine: DESIGN's states of the machine document.
public enum ObservedState: String, Sendable, Hashable, CaseIterable {
    case building, running, paused, suspended, stopped, error, gone, unknown
}
