public import JSON

/// An amount of everything that is counted: what a machine needs, what a node has.
///
/// Whole numbers throughout, so that taking and giving back is exact: cpus are kept in thousandths.
public struct Resources: Sendable, Hashable {
    /// CPUs in thousandths.
    public var milliCPUs: Int64
    public var memoryMiB: Int64
    public var diskGiB: Int64
    /// Machine slots: a machine takes one, a node may say how many it has.
    public var machines: Int64
    /// Whatever else a provider counts, such as `gpu`. No entry and zero are the same.
    public var named: [String: Int64]

    public init(milliCPUs: Int64 = 0, memoryMiB: Int64 = 0, diskGiB: Int64 = 0, machines: Int64 = 0, named: [String: Int64] = [:]) {
        self.milliCPUs = milliCPUs
        self.memoryMiB = memoryMiB
        self.diskGiB = diskGiB
        self.machines = machines
        self.named = named.filter { $0.value != 0 }
    }

    /// What one machine takes: the slot is counted for you. `cpus` is rounded up to thousandths.
    public static func machine(cpus: Double, memoryMiB: Int64, diskGiB: Int64 = 0, named: [String: Int64] = [:]) -> Resources {
        Resources(milliCPUs: milli(cpus), memoryMiB: memoryMiB, diskGiB: diskGiB, machines: 1, named: named)
    }

    public static let zero = Resources()

    /// More than any node has: stands for "not counted here".
    public static let unlimited: Int64 = 1 << 40

    public var cpus: Double { Double(milliCPUs) / 1000 }

    /// Thousandths of a cpu; nonsense becomes zero, and what is beyond counting becomes `unlimited`.
    public static func milli(_ cpus: Double) -> Int64 {
        guard cpus > 0 else { return 0 }
        return cpus >= Double(unlimited) / 1000 ? unlimited : Int64((cpus * 1000).rounded(.up))
    }

    public var isZero: Bool { milliCPUs == 0 && memoryMiB == 0 && diskGiB == 0 && machines == 0 && named.isEmpty }

    /// Whether all of it fits into `room`.
    public func fits(in room: Resources) -> Bool {
        milliCPUs <= room.milliCPUs && memoryMiB <= room.memoryMiB && diskGiB <= room.diskGiB && machines <= room.machines
            && named.allSatisfy { $0.value <= room.named[$0.key] ?? 0 }
    }

    public static func + (left: Resources, right: Resources) -> Resources {
        combine(left, right) { $0 + $1 }
    }

    public static func - (left: Resources, right: Resources) -> Resources {
        combine(left, right) { $0 - $1 }
    }

    public static func * (left: Resources, count: Int) -> Resources {
        let count = Int64(count)
        return Resources(
            milliCPUs: left.milliCPUs * count, memoryMiB: left.memoryMiB * count, diskGiB: left.diskGiB * count,
            machines: left.machines * count, named: left.named.mapValues { $0 * count })
    }

    public static func += (left: inout Resources, right: Resources) { left = left + right }
    public static func -= (left: inout Resources, right: Resources) { left = left - right }

    private static func combine(_ left: Resources, _ right: Resources, _ join: (Int64, Int64) -> Int64) -> Resources {
        var named = left.named
        for (name, value) in right.named { named[name] = join(named[name] ?? 0, value) }
        return Resources(
            milliCPUs: join(left.milliCPUs, right.milliCPUs), memoryMiB: join(left.memoryMiB, right.memoryMiB),
            diskGiB: join(left.diskGiB, right.diskGiB), machines: join(left.machines, right.machines), named: named)
    }
}

extension Resources: CustomStringConvertible {
    /// For people: `2 cpus, 4096 MiB, 20 GiB, 1 gpu`. What is zero is left out.
    public var description: String {
        let parts = amounts.filter { $0.1 != 0 }.map { name, value in
            switch name {
            case "cpus": Resources.decimal(value) + (value == 1000 ? " cpu" : " cpus")
            case "memory": "\(value) MiB"
            case "disk": "\(value) GiB"
            case "machines": "\(value) \(value == 1 ? "machine" : "machines")"
            default: "\(value) \(name)"
            }
        }
        return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
    }

    /// Every resource by its name: `cpus` (thousandths), `memory`, `disk`, `machines`, then the named ones in order.
    public var amounts: [(String, Int64)] {
        [("cpus", milliCPUs), ("memory", memoryMiB), ("disk", diskGiB), ("machines", machines)]
            + named.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Thousandths as a decimal without trailing zeros: 2500 is `2.5`.
    public static func decimal(_ milli: Int64) -> String {
        let fraction = milli.magnitude % 1000
        var text = "\(milli < 0 ? "-" : "")\(milli.magnitude / 1000)"
        if fraction != 0 {
            let digits = String(fraction)
            text += "." + String(repeating: "0", count: 3 - digits.count) + digits
            while text.hasSuffix("0") { text.removeLast() }
        }
        return text
    }
}

extension Resources {
    /// Reads the form of the ABI's documents: `cpus`, `memory_mib`, `disk_gib`, `machines`; any other whole number is a named resource.
    /// What is absent is `absent`.
    public init(_ document: JSON, absent: Int64 = 0) {
        var named: [String: Int64] = [:]
        for field in document.object?.fields ?? [] where !["cpus", "memory_mib", "disk_gib", "machines"].contains(field.name) {
            if let value = field.value.int { named[field.name] = Int64(value) }
        }
        func whole(_ name: String) -> Int64 { document[name]?.double.map { Int64(min(max($0, 0), Double(Resources.unlimited))) } ?? absent }
        self.init(
            milliCPUs: document["cpus"]?.double.map(Resources.milli) ?? absent, memoryMiB: whole("memory_mib"), diskGiB: whole("disk_gib"),
            machines: whole("machines"), named: named)
    }

    /// The form of the ABI's documents.
    public var json: JSON {
        var object: JSON = [
            "cpus": milliCPUs % 1000 == 0 ? JSON(milliCPUs / 1000) : JSON(cpus), "memory_mib": JSON(memoryMiB), "disk_gib": JSON(diskGiB),
            "machines": JSON(machines),
        ]
        for (name, value) in named.sorted(by: { $0.key < $1.key }) { object[name] = JSON(value) }
        return object
    }
}
