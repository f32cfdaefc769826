import Bus
import JSON
import Model

/// A member as this host has to do with it: as one who lends to us, and as one who borrows from us.
final class Member {
    /// What the Scheduler may use it for.
    enum Link: String {
        /// Not tried yet.
        case starting
        case ready
        /// The last question was not answered: nothing new is placed there.
        case degraded
        /// No answer for three periods.
        case unreachable
    }

    var settings: MemberSettings
    var name: String { settings.name }

    // As a lender.
    var client: BusClient?
    /// What the client was made for.
    var address: String?
    var link = Link.starting
    var reason: String?
    var capabilities: [String] = []
    var capacity: JSON = .null
    /// What it has free for us.
    var free = Resources.zero
    /// Its word on how long it lends without renewal.
    var ttl: Int64?
    /// Steady milliseconds of its last answer to us.
    var answered: Int64?
    var isProbed = false
    var isTold = false
    var isRenewed = false
    /// Steady milliseconds of the last renewal that was begun.
    var renewed: Int64 = 0
    var isWatched = false
    /// How far we have seen its changes.
    var seen: String?
    /// What the Scheduler was told last.
    var told: JSON = .null
    /// What it refused to extend, by our machine's id there: said once each.
    var refusals: [String: String] = [:]

    // As a borrower.
    /// Counts the changes of what it holds here.
    var changes = 0
    var watchers: [Watcher] = []
    var isWaking = false

    struct Watcher {
        var request: Request
        var timer: TimerTicket
    }

    init(_ settings: MemberSettings) {
        self.settings = settings
    }
}
