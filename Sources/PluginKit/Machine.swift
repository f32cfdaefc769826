public import JSON

/// What a machine does.
public enum MachineState: String, Sendable, CaseIterable {
    case building, running, paused, suspended, stopped, error, gone, unknown
}

/// What a machine uses of what it has.
public struct Usage: Sendable, Equatable {
    /// 0 to 1 of the machine's processors.
    public var cpu: Double?
    public var memoryMiB: Int?

    public init(cpu: Double? = nil, memoryMiB: Int? = nil) {
        self.cpu = cpu
        self.memoryMiB = memoryMiB
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        if let cpu { writer.field("cpu", cpu) }
        if let memoryMiB { writer.field("memory_mib", memoryMiB) }
        writer.endObject()
    }
}

/// A machine document. Absent means unknown.
///
/// For `inspect` and `create`; `list` has ``MachineWriter``, which needs no such value for each machine.
public struct Machine: Sendable, Equatable {
    /// The provider's own.
    public var id: String
    public var state: MachineState
    public var name: String?
    /// The key that `create` made it with, if we made it.
    public var key: String?
    /// Up to three decimals.
    public var cpus: Double?
    public var memoryMiB: Int?
    public var diskGiB: Int?
    public var node: String?
    public var image: String?
    public var addresses: [String]
    /// RFC 3339 in UTC: ``rfc3339(unixMilliseconds:)``.
    public var created: String?
    /// Why it is in this state, for a person.
    public var message: String?
    public var usage: Usage?
    /// What else the provider says, for operators.
    public var native: JSON?

    public init(
        id: String, state: MachineState, name: String? = nil, key: String? = nil, cpus: Double? = nil, memoryMiB: Int? = nil,
        diskGiB: Int? = nil, node: String? = nil, image: String? = nil, addresses: [String] = [], created: String? = nil,
        message: String? = nil, usage: Usage? = nil, native: JSON? = nil
    ) {
        self.id = id
        self.state = state
        self.name = name
        self.key = key
        self.cpus = cpus
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
        self.node = node
        self.image = image
        self.addresses = addresses
        self.created = created
        self.message = message
        self.usage = usage
        self.native = native
    }

    func write(to writer: inout DocumentWriter) {
        writer.beginObject()
        writer.field("id", id)
        if let name { writer.field("name", name) }
        if let key { writer.field("key", key) }
        writer.field("state", state.rawValue)
        if let cpus { writer.field("cpus", cpus) }
        if let memoryMiB { writer.field("memory_mib", memoryMiB) }
        if let diskGiB { writer.field("disk_gib", diskGiB) }
        if let node { writer.field("node", node) }
        if let image { writer.field("image", image) }
        if !addresses.isEmpty { writer.field("addresses", addresses) }
        if let created { writer.field("created", created) }
        if let message { writer.field("message", message) }
        if let usage {
            writer.field("usage")
            usage.write(to: &writer)
        }
        if let native {
            writer.field("native")
            writer.value(native)
        }
        writer.endObject()
    }
}

/// A moment as documents want it: `2026-11-25T14:06:25Z`, with milliseconds only where there are any.
public func rfc3339(unixMilliseconds milliseconds: Int64) -> String {
    // The civil date of a number of days, in the proleptic Gregorian calendar.
    let days = (milliseconds - (milliseconds % 86_400_000 + 86_400_000) % 86_400_000) / 86_400_000
    let inDay = milliseconds - days * 86_400_000
    let shifted = days + 719_468
    let era = (shifted - (shifted % 146_097 + 146_097) % 146_097) / 146_097
    let ofEra = shifted - era * 146_097
    let year = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * year + year / 4 - year / 100)
    let march = (5 * ofYear + 2) / 153
    let month = march < 10 ? march + 3 : march - 9
    let day = ofYear - (153 * march + 2) / 5 + 1

    func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
    let date = "\(digits(year + era * 400 + (month <= 2 ? 1 : 0), 4))-\(digits(month, 2))-\(digits(day, 2))"
    let seconds = inDay / 1000
    let time = "\(digits(seconds / 3600, 2)):\(digits(seconds / 60 % 60, 2)):\(digits(seconds % 60, 2))"
    return inDay % 1000 == 0 ? "\(date)T\(time)Z" : "\(date)T\(time).\(digits(inDay % 1000, 3))Z"
}
