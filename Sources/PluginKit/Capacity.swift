/// A capacity document: the nodes of a provider.
public struct Capacity: Sendable {
    public var nodes: [Node]

    public init(nodes: [Node]) {
        self.nodes = nodes
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        writer.field("nodes")
        writer.array(nodes) { node, writer in node.write(to: &writer) }
        writer.endObject()
    }
}

/// One place with its own capacity: a hypervisor host, or a whole cloud's quota.
public struct Node: Sendable {
    public enum State: String, Sendable, CaseIterable {
        case up, down, draining
    }

    public var id: String
    public var state: State
    public var arch: String?
    public var cpuVendor: String?
    public var cpuMHz: Int?
    public var tags: [(name: String, value: String)]
    public var total: Amounts
    /// By all machines, ours too.
    public var used: Amounts

    public init(
        id: String, state: State = .up, arch: String? = nil, cpuVendor: String? = nil, cpuMHz: Int? = nil,
        tags: [(name: String, value: String)] = [], total: Amounts, used: Amounts
    ) {
        self.id = id
        self.state = state
        self.arch = arch
        self.cpuVendor = cpuVendor
        self.cpuMHz = cpuMHz
        self.tags = tags
        self.total = total
        self.used = used
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        writer.field("id", id)
        writer.field("state", state.rawValue)
        if let arch { writer.field("arch", arch) }
        if let cpuVendor { writer.field("cpu_vendor", cpuVendor) }
        if let cpuMHz { writer.field("cpu_mhz", cpuMHz) }
        if !tags.isEmpty {
            writer.field("tags")
            writer.beginObject()
            for tag in tags { writer.field(named: tag.name, tag.value) }
            writer.endObject()
        }
        writer.field("total")
        total.write(to: &writer)
        writer.field("used")
        used.write(to: &writer)
        writer.endObject()
    }
}

/// How much of what. Absent means unknown, or without a limit.
public struct Amounts: Sendable, Equatable {
    public var cpus: Double?
    public var memoryMiB: Int?
    public var diskGiB: Int?
    public var machines: Int?

    public init(cpus: Double? = nil, memoryMiB: Int? = nil, diskGiB: Int? = nil, machines: Int? = nil) {
        self.cpus = cpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
        self.machines = machines
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        if let cpus { writer.field("cpus", cpus) }
        if let memoryMiB { writer.field("memory_mib", memoryMiB) }
        if let diskGiB { writer.field("disk_gib", diskGiB) }
        if let machines { writer.field("machines", machines) }
        writer.endObject()
    }
}
