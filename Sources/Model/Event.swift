public import JSON

/// Something that happened. The ledger gives it its number when it commits it; numbers have no gaps.
public struct Event: Sendable, Equatable {
    /// 0 until committed.
    public var seq: Int64 = 0
    public var time: Instant
    /// `lease.ID.STATE`, `machine.ID.STATE`, `provider.NAME.STATE` …
    public var topic: String
    /// What it is about: the id of a lease or machine, the name of a provider.
    public var subject: String
    /// Whose it is: clients see their own; nil: everybody may see it.
    public var owner: String?
    /// The change: an object. `seq`, `time` and `subject` are added when it is shown.
    public var change: JSON

    public init(time: Instant, topic: String, subject: String, owner: String?, change: JSON = [:]) {
        self.time = time
        self.topic = topic
        self.subject = subject
        self.owner = owner
        self.change = change
    }

    /// The body as the bus shows it: `seq`, `time` and `subject`, then the fields of the change.
    public var json: JSON {
        var fields: [JSON.Object.Field] = [
            .init(name: "seq", value: JSON(seq)), .init(name: "time", value: JSON(time.description)),
            .init(name: "subject", value: JSON(subject)),
        ]
        fields += change.object?.fields ?? []
        return .object(JSON.Object(fields: fields))
    }
}
