public import JSON

/// A group of machines under one management unit: who, what, when, how firmly, and where it stands.
public struct Lease: Sendable, Equatable {
    public var id: LeaseID
    public var owner: String
    public var project: String
    public var terms: LeaseTerms
    public private(set) var state: LeaseState = .new
    /// Why it is where it is, for a person: why it waits, failed, or was preempted.
    public var reason: String?
    public var created: Instant
    /// When it starts or started; nil while nobody knows.
    public var start: Instant?
    /// When its machines are taken away; nil while nobody knows, or until cancelled.
    public var end: Instant?
    /// The end in the ledger's steady time (`SteadyClock`), where a duration decides and no instant: a set clock moves it not.
    public var steadyEnd: Int64?
    /// What is left of the duration, in milliseconds, while it does not run.
    public var remaining: Int64?
    /// As what it ends, once it is `ending`.
    public var outcome: LeaseState?
    /// What the Scheduler promised: sizes, and the places of machines that are not made yet.
    public var plan = LeasePlan()
    /// Counts up with each change that was stored.
    public var revision = 0

    public init(id: LeaseID, owner: String, project: String, terms: LeaseTerms, created: Instant) {
        self.id = id
        self.owner = owner
        self.project = project
        self.terms = terms
        self.created = created
    }

    public var name: String { terms.name ?? String(id.description.prefix(10)) }
    public var isFinal: Bool { state.isFinal }

    /// Moves along the table of `LeaseState`, with the reason to show.
    public mutating func move(to next: LeaseState, reason: String? = nil) throws(BerthError) {
        try state.move(to: next)
        self.reason = reason
    }

    /// Starts the end: the machines are to be destroyed, and then it is `outcome`.
    public mutating func end(as outcome: LeaseState, reason: String? = nil) throws(BerthError) {
        guard LeaseState.ending.canMove(to: outcome) else {
            throw BerthError(.broken, "a lease cannot end as \(outcome.rawValue)", hint: "please report this")
        }
        try move(to: .ending, reason: reason)
        self.outcome = outcome
    }
}

extension Lease {
    /// The lease as the bus shows it.
    public func json(machines: some Sequence<Machine>) -> JSON {
        var json: JSON = [
            "id": JSON(id.description), "name": JSON(name), "kind": JSON(terms.kind.rawValue), "state": JSON(state.rawValue),
            "reason": JSON(reason), "owner": JSON(owner), "project": JSON(project), "created": JSON(created.description),
            "start": JSON((start ?? terms.start)?.description), "end": JSON(end?.description),
        ]
        terms.write(to: &json)
        json["machines"] = .array(machines.map { $0.json })
        return json
    }

    /// What the ledger keeps beside its columns (id, state, owner).
    public var document: JSON {
        var json = terms.document
        json["project"] = JSON(project)
        json["created"] = JSON(created.milliseconds)
        if let reason { json["reason"] = JSON(reason) }
        if let start { json["starts"] = JSON(start.milliseconds) }
        if let end { json["ends"] = JSON(end.milliseconds) }
        if let steadyEnd { json["steady_end"] = JSON(steadyEnd) }
        if let remaining { json["remaining_ms"] = JSON(remaining) }
        if let outcome { json["outcome"] = JSON(outcome.rawValue) }
        if plan != LeasePlan() { json["plan"] = plan.document }
        json["revision"] = JSON(revision)
        return json
    }

    /// Reads a row of the ledger.
    public init(id: LeaseID, state: LeaseState, owner: String, document: JSON) throws(BerthError) {
        var fields = try Fields(document)
        self.init(
            id: id, owner: owner, project: try fields.string("project") ?? "", terms: try LeaseTerms(&fields),
            created: fields.milliseconds("created") ?? Instant(milliseconds: 0))
        self.state = state
        reason = fields.value("reason")?.string
        start = fields.milliseconds("starts")
        end = fields.milliseconds("ends")
        steadyEnd = fields.value("steady_end")?.int.map { Int64($0) }
        remaining = fields.value("remaining_ms")?.int.map { Int64($0) }
        outcome = try fields.word("outcome")
        if let plan = fields.value("plan") { self.plan = LeasePlan(plan) }
        revision = fields.value("revision")?.int ?? 0
    }
}

extension Fields {
    /// A moment written as a number, as the ledger's documents have it.
    mutating func milliseconds(_ name: String) -> Instant? {
        value(name)?.int.map { Instant(milliseconds: Int64($0)) }
    }
}
