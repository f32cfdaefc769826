public import JSON
public import Model

/// What a driver says about one machine: a line of `list`, or the answer of `create`, `inspect` and most actions.
public struct MachineDocument: Sendable, Equatable {
    public var id: String
    public var key: String?
    public var state: ObservedState
    public var name: String?
    public var node: String?
    public var addresses: [String]
    public var created: Instant?
    public var message: String?
    /// Load of the machine's cpus, 0–1.
    public var cpuUsage: Double?
    public var resources: Resources

    public init(
        id: String, key: String? = nil, state: ObservedState, node: String? = nil, addresses: [String] = [], created: Instant? = nil,
        message: String? = nil
    ) {
        self.id = id
        self.key = key
        self.state = state
        self.node = node
        self.addresses = addresses
        self.created = created
        self.message = message
        resources = .zero
    }

    /// Reads a document; nil where `id` or `state` is missing, as the driver's worker should have said already.
    public init?(_ document: JSON) {
        guard let id = document["id"]?.string, !id.isEmpty, let state = document["state"]?.string else { return nil }
        self.id = id
        self.state = ObservedState(rawValue: state) ?? .unknown
        key = document["key"]?.string
        name = document["name"]?.string
        node = document["node"]?.string
        addresses = document["addresses"]?.array?.compactMap { $0.string ?? $0["address"]?.string } ?? []
        created = document["created"]?.string.flatMap(Instant.init)
        message = document["message"]?.string
        cpuUsage = document["usage"]?["cpu"]?.double
        resources = Resources(document)
    }
}
