/// Where a lease is in its life. A lease with machines ends through `ending`, where they are destroyed; `Lease.outcome` says as what.
public enum LeaseState: String, StateWithTransitions {
    /// Being looked at; never stored.
    case new
    /// Waits for room.
    case queued
    /// Has its room, and waits for its time.
    case scheduled
    /// Its machines are being made, or one that was lost is made again.
    case preparing
    /// All its machines (of a lease that is not atomic: at least one) are fulfilled.
    case active
    case suspending
    case suspended
    case resuming
    /// Its machines are being destroyed.
    case ending
    /// Its time is up.
    case done
    case cancelled
    /// Was queued, and turned out to be impossible.
    case rejected
    case failed

    public static let noun = "lease"

    public var successors: [LeaseState] {
        switch self {
        case .new: [.queued, .scheduled, .preparing, .rejected]
        case .queued: [.scheduled, .preparing, .ending, .cancelled, .rejected, .failed]
        case .scheduled: [.queued, .preparing, .cancelled, .rejected, .failed]
        case .preparing: [.active, .queued, .suspending, .ending]
        case .active: [.preparing, .queued, .suspending, .ending]
        case .suspending: [.suspended, .active, .ending]
        case .suspended: [.resuming, .ending]
        case .resuming: [.active, .suspended, .preparing, .ending]
        case .ending: [.done, .cancelled, .failed]
        case .done, .cancelled, .rejected, .failed: []
        }
    }
}
