import Model

/// Which lane of a `Room` a named resource has. The first eight names that nodes bring get one; what has none counts as absent.
struct Lanes: Sendable {
    private(set) var names: [String] = []

    static let first = 4

    mutating func learn(_ named: [String: Int64]) {
        for name in named.keys.sorted() where !names.contains(name) && names.count < Room.lanes - Lanes.first { names.append(name) }
    }

    /// What a node has: more than can be counted is `Room.most`.
    func capacity(_ resources: Resources) -> Room {
        var room = core(resources)
        for (name, value) in resources.named {
            if let lane = names.firstIndex(of: name) { room[Lanes.first + lane] = Lanes.clamp(value) }
        }
        return room
    }

    /// What a machine takes; nil where it asks for something that no node has.
    func demand(_ resources: Resources) -> Room? {
        var room = core(resources)
        guard [resources.milliCPUs, resources.memoryMiB, resources.diskGiB, resources.machines].allSatisfy({ $0 <= Int64(Room.most) })
        else {
            return nil
        }
        for (name, value) in resources.named where value > 0 {
            guard let lane = names.firstIndex(of: name), value <= Int64(Room.most) else { return nil }
            room[Lanes.first + lane] = Int32(value)
        }
        return room
    }

    func name(_ lane: Int) -> String {
        ["cpus", "memory", "disk", "machines"].indices.contains(lane)
            ? ["cpus", "memory", "disk", "machines"][lane] : names[lane - Lanes.first]
    }

    func resources(_ room: Room) -> Resources {
        var named: [String: Int64] = [:]
        for (index, name) in names.enumerated() { named[name] = Int64(room[Lanes.first + index]) }
        return Resources(
            milliCPUs: Int64(room.cpus), memoryMiB: Int64(room.memory), diskGiB: Int64(room.disk), machines: Int64(room.machines),
            named: named)
    }

    private func core(_ resources: Resources) -> Room {
        Room(
            cpus: Lanes.clamp(resources.milliCPUs), memory: Lanes.clamp(resources.memoryMiB), disk: Lanes.clamp(resources.diskGiB),
            machines: Lanes.clamp(resources.machines))
    }

    private static func clamp(_ value: Int64) -> Int32 { Int32(clamping: min(max(value, -Int64(Room.most)), Int64(Room.most))) }
}
