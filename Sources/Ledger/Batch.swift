public import Model

/// What is committed together: all of it or nothing.
public struct Batch: Sendable {
    /// What happens to the batch while the disk is full or failing.
    public enum Weight: Sendable {
        /// Somebody waits for a promise: refused with `retry`, so that they can be told.
        case promise
        /// Something happened, and would be true without us: kept in memory, in order, until it can be written.
        case fact
    }

    public var weight: Weight
    /// Leases, new or changed. Written whole.
    public var leases: [Lease] = []
    /// Machines, new or changed. Written whole.
    public var machines: [Machine] = []
    /// Intents, new or changed. A closed one is removed.
    public var intents: [Intent] = []
    /// Answers to keep for requests with a key.
    public var answers: [AnsweredRequest] = []
    /// Events to append. They get their numbers in this order.
    public var events: [Event] = []
    /// Documents of components, new or changed.
    public var records: [Record] = []
    /// Documents to remove, by kind and id.
    public var removedRecords: [(kind: String, id: String)] = []
    /// The operator has seen what a restore left over: `LedgerSnapshot.restored` is nil from now on.
    public var acceptsRestore = false

    public init(_ weight: Weight = .promise) {
        self.weight = weight
    }

    public var isEmpty: Bool {
        leases.isEmpty && machines.isEmpty && intents.isEmpty && answers.isEmpty && events.isEmpty && records.isEmpty
            && removedRecords.isEmpty && !acceptsRestore
    }
}

/// What a batch became.
public struct Commit: Sendable {
    /// The batch's events with their numbers, to be published now.
    public var events: [Event]

    public init(events: [Event]) {
        self.events = events
    }
}
