public import JSON

/// How large a machine is. CPUs are counted in thousandths, so that sums are exact.
public struct Size: Sendable, Hashable {
    public var milliCPUs: Int
    public var memoryMiB: Int
    public var diskGiB: Int

    public init(milliCPUs: Int, memoryMiB: Int, diskGiB: Int = 0) {
        self.milliCPUs = milliCPUs
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
    }

    public var cpus: Double { Double(milliCPUs) / 1000 }

    /// What one machine of this size takes of a node, its slot included.
    public var resources: Resources {
        Resources(milliCPUs: Int64(milliCPUs), memoryMiB: Int64(memoryMiB), diskGiB: Int64(diskGiB), machines: 1)
    }

    /// Reads `cpus`, `memory_mib` and `disk_gib`; nil where neither of the first two is given.
    public init?(_ fields: inout Fields) throws(BerthError) {
        let cpus = try fields.thousandths("cpus", in: 1...Size.most)
        let memory = try fields.int("memory_mib", in: 1...Size.most)
        let disk = try fields.int("disk_gib", in: 0...Size.most)
        guard cpus != nil || memory != nil || disk != nil else { return nil }
        guard let cpus else { throw fields.failure("cpus", "is missing: a size has cpus and memory_mib") }
        guard let memory else { throw fields.failure("memory_mib", "is missing: a size has cpus and memory_mib") }
        self.init(milliCPUs: cpus, memoryMiB: memory, diskGiB: disk ?? 0)
    }

    /// Room for sums: a thousand million sizes of this add up without an overflow.
    static let most = 1 << 32

    public func write(to json: inout JSON) {
        json["cpus"] = milliCPUs % 1000 == 0 ? JSON(milliCPUs / 1000) : JSON(cpus)
        json["memory_mib"] = JSON(memoryMiB)
        json["disk_gib"] = JSON(diskGiB)
    }
}

/// A named size: `[flavor NAME]` or a size of a provider's catalog.
public struct Flavor: Sendable, Hashable {
    public var name: String
    public var size: Size

    public init(name: String, size: Size) {
        self.name = name
        self.size = size
    }

    public var json: JSON {
        var json: JSON = ["name": JSON(name)]
        size.write(to: &json)
        return json
    }
}

/// A named image: what each provider that has it calls it.
public struct Image: Sendable, Hashable {
    public var name: String
    /// By provider: what goes into `spec.image`.
    public var byProvider: [String: String]

    public init(name: String, byProvider: [String: String]) {
        self.name = name
        self.byProvider = byProvider
    }
}
