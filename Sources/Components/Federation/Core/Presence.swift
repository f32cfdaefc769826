public import JSON
public import Model

/// A member's sign of life: where it is, and how much of its own it has idle and in use.
public struct Presence: Sendable, Equatable {
    public var name: String
    /// Nil: it listens nowhere.
    public var address: String?
    /// Grows with each sign of life of a member, also over its restarts: what does not is old news, or a replay.
    public var sequence: Int64
    /// Milliseconds until the next one is due.
    public var period: Int64
    public var idle: Resources
    public var inUse: Resources
    public var isRendezvous: Bool

    public init(
        name: String, address: String?, sequence: Int64, period: Int64, idle: Resources = .zero, inUse: Resources = .zero,
        isRendezvous: Bool = false
    ) {
        self.name = name
        self.address = address
        self.sequence = sequence
        self.period = period
        self.idle = idle
        self.inUse = inUse
        self.isRendezvous = isRendezvous
    }

    /// `{"name","address","sequence","period_ms","cpus":{"idle","in_use"},"memory_mib":{"idle","in_use"},"rendezvous"}`
    public var json: JSON {
        [
            "name": JSON(name), "address": JSON(address), "sequence": JSON(sequence), "period_ms": JSON(period),
            "cpus": ["idle": JSON(idle.cpus), "in_use": JSON(inUse.cpus)],
            "memory_mib": ["idle": JSON(idle.memoryMiB), "in_use": JSON(inUse.memoryMiB)], "rendezvous": JSON(isRendezvous),
        ]
    }

    /// Reads one, strictly: it comes from another host.
    public init(_ json: JSON) throws(BerthError) {
        var fields = try Fields(json)
        guard let name = try fields.string("name", atMost: 32) else { throw fields.failure("name", "is missing") }
        guard let sequence = try fields.int("sequence", in: 0...Int(Int64.max >> 1)) else { throw fields.failure("sequence", "is missing") }
        self.init(
            name: name, address: try fields.string("address"), sequence: Int64(sequence),
            period: Int64(try fields.int("period_ms", in: 50...3_600_000) ?? 10_000))
        isRendezvous = try fields.bool("rendezvous") ?? false
        (idle.milliCPUs, inUse.milliCPUs) = try Presence.pair(&fields, "cpus") { Resources.milli($0) }
        (idle.memoryMiB, inUse.memoryMiB) = try Presence.pair(&fields, "memory_mib") { Int64(min(max($0, 0), 1e15)) }
    }

    private static func pair(
        _ fields: inout Fields, _ name: String, _ read: (Double) -> Int64
    ) throws(BerthError) -> (Int64, Int64) {
        guard let pair = fields.value(name) else { return (0, 0) }
        guard let idle = pair["idle"]?.double, let inUse = pair["in_use"]?.double else {
            throw fields.failure(name, "must hold idle and in_use")
        }
        return (read(idle), read(inUse))
    }
}
