public import JSON

/// A machine of a lease. One that took the place of another says so in `replaces`; the lease keeps the old one, final.
public struct Machine: Sendable, Equatable {
    /// Holds the key under which the provider knows it. A key serves one machine, ever.
    public var id: MachineID
    public var lease: LeaseID
    /// The name of its group.
    public var group: String
    /// Its number within the group, from 0; a replacement has the same.
    public var ordinal: Int
    /// The name that the provider gives it: an RFC 1123 label.
    public var name: String
    public var size: Size
    public var state: MachineState = .open
    /// What the driver said last.
    public var observed: ObservedState = .unknown
    public var provider: String?
    public var node: String?
    /// The provider's own id.
    public var nativeID: String?
    public var addresses: [String] = []
    /// The driver's or the Scheduler's words about where it stands.
    public var message: String?
    public var created: Instant
    /// When it was seen running, while it is not ready yet.
    public var running: Instant?
    public var replaces: MachineID?
    /// How many machines were tried in its place before it.
    public var attempt = 0

    public init(id: MachineID, lease: LeaseID, group: String, ordinal: Int, name: String, size: Size, created: Instant) {
        self.id = id
        self.lease = lease
        self.group = group
        self.ordinal = ordinal
        self.name = name
        self.size = size
        self.created = created
    }

    public var isFinal: Bool { state.isFinal }

    /// Moves along the table of `MachineState`, with the words to show.
    public mutating func move(to next: MachineState, message: String? = nil) throws(BerthError) {
        try state.move(to: next)
        self.message = message
    }
}

extension Machine {
    /// The machine as the bus shows it within its lease.
    public var json: JSON {
        var json: JSON = [
            "id": JSON(id.description), "group": JSON(group), "state": JSON(state.rawValue), "provider": JSON(provider), "node": JSON(node),
            "observed": JSON(observed.rawValue), "native_id": JSON(nativeID), "addresses": JSON(addresses), "message": JSON(message),
            "lease": JSON(lease.description), "name": JSON(name),
        ]
        size.write(to: &json)
        json["created"] = JSON(created.description)
        json["replaces"] = JSON(replaces?.description)
        return json
    }

    /// What the ledger keeps beside its columns (key, lease, state, observed, provider).
    public var document: JSON {
        var json: JSON = ["group": JSON(group), "ordinal": JSON(ordinal), "name": JSON(name), "created": JSON(created.milliseconds)]
        size.write(to: &json)
        if let node { json["node"] = JSON(node) }
        if let nativeID { json["native_id"] = JSON(nativeID) }
        if !addresses.isEmpty { json["addresses"] = JSON(addresses) }
        if let message { json["message"] = JSON(message) }
        if let running { json["running"] = JSON(running.milliseconds) }
        if let replaces { json["replaces"] = JSON(replaces.description) }
        if attempt > 0 { json["attempt"] = JSON(attempt) }
        return json
    }

    /// Reads a row of the ledger.
    public init(
        id: MachineID, lease: LeaseID, state: MachineState, observed: ObservedState, provider: String?, document: JSON
    ) throws(BerthError) {
        var fields = try Fields(document)
        guard let size = try Size(&fields) else { throw fields.failure("cpus", "is missing") }
        self.init(
            id: id, lease: lease, group: fields.value("group")?.string ?? "", ordinal: fields.value("ordinal")?.int ?? 0,
            name: fields.value("name")?.string ?? "", size: size, created: fields.milliseconds("created") ?? Instant(milliseconds: 0))
        self.state = state
        self.observed = observed
        self.provider = provider
        node = fields.value("node")?.string
        nativeID = fields.value("native_id")?.string
        addresses = try fields.strings("addresses", atMost: .max) ?? []
        message = fields.value("message")?.string
        running = fields.milliseconds("running")
        replaces = fields.value("replaces")?.string.flatMap { MachineID($0) }
        attempt = fields.value("attempt")?.int ?? 0
    }
}
