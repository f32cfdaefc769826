public import JSON
public import Model

/// The durable record of events that `events.since` reads: the ledger.
public protocol EventStore: Sendable {
    /// Events after `after` (-1: the last one there is) in the order of their numbers, of this owner (nil: of all), whose topic starts with one of `topics`
    /// (none: all), at most `limit`. `completion` runs on any thread. Fails with `not-found`
    /// and `native: "oldest=41"` where `after` is older than what is held.
    func events(
        after: Int64, owner: String?, topics: [String], limit: Int,
        completion: @escaping @Sendable (Result<CommittedEvents, BerthError>) -> Void)
}

/// A page of events.
public struct CommittedEvents: Sendable {
    /// The bodies as they were published, each with its `seq` and `topic`.
    public var events: [JSON]
    /// The number up to which this page has looked: ask again from here.
    public var last: Int64
    /// Nothing was held behind `last` when the page was read.
    public var isAtEnd: Bool

    public init(events: [JSON], last: Int64, isAtEnd: Bool) {
        self.events = events
        self.last = last
        self.isAtEnd = isAtEnd
    }
}
