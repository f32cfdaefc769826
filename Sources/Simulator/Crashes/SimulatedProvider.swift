import JSON
import Model
import Scheduler

/// A provider with real effects: its machines outlive hosts and workers.
struct SimulatedProvider {
    struct Guest {
        var id: String
        var key: String
        var state: String
        var node: String
        var cpus: Int
        var created: Int64
        /// It was made after its host had given it up: capacity is not promised to hold then.
        var isLate = false
    }

    let name: String
    let nodes: [String]
    let cpusPerNode: Int
    private(set) var guests: [Guest] = []
    /// Keys of which it promised that nothing is or will be there.
    private var refused: Set<String> = []
    private var counter = 0

    init(name: String, nodes: [String], cpusPerNode: Int) {
        self.name = name
        self.nodes = nodes
        self.cpusPerNode = cpusPerNode
    }

    /// A key that two machines have which were made in time.
    var doubleKey: String? {
        for (index, guest) in guests.enumerated() where !guest.isLate {
            for other in guests[..<index] where !other.isLate && other.key == guest.key { return guest.key }
        }
        return nil
    }

    static let capabilities = ["create", "destroy", "suspend", "resume", "pause", "unpause", "start", "stop"]

    func used(_ node: String) -> Int {
        guests.filter { $0.node == node && $0.state != "suspended" && $0.state != "stopped" && !$0.isLate }.reduce(0) { $0 + $1.cpus }
    }

    /// Carries out a call; the answer is what a driver would say.
    mutating func run(_ call: DriverCall, at time: Int64, isLate: Bool = false) -> DriverAnswer {
        switch call.slot {
        case .list: return .lines(guests.map { document($0) })
        case .capacity:
            return .document([
                "nodes": .array(
                    nodes.map { node in
                        [
                            "id": JSON(node), "state": "up",
                            "total": [
                                "cpus": JSON(cpusPerNode), "memory_mib": JSON(cpusPerNode * 1024), "disk_gib": 1000, "machines": 100,
                            ],
                            "used": ["cpus": JSON(used(node)), "memory_mib": JSON(used(node) * 1024), "disk_gib": 0, "machines": 0],
                        ]
                    })
            ])
        case .catalog: return .document([:])
        case .inspect:
            guard let guest = guests.first(where: { $0.id == call.nativeID }) else {
                return .failure(DriverFailure(.notFound, "no such machine"))
            }
            return .document(document(guest))
        case .create: return create(call, at: time, isLate: isLate)
        case .action: return act(call)
        }
    }

    /// A definite failure: a promise, so not where the machine is there already.
    mutating func refuse(_ call: DriverCall) -> DriverAnswer {
        if let guest = guests.first(where: { $0.key == call.key }) { return .document(document(guest)) }
        refused.insert(call.key)
        return .failure(DriverFailure(.exhausted, "no room"))
    }

    private mutating func create(_ call: DriverCall, at time: Int64, isLate: Bool) -> DriverAnswer {
        if let guest = guests.first(where: { $0.key == call.key }) { return .document(document(guest)) }
        if refused.contains(call.key) { return .failure(DriverFailure(.exhausted, "no room")) }
        counter += 1
        let guest = Guest(
            id: "\(name)-\(counter)", key: call.key, state: "building", node: call.body["node"]?.string ?? nodes[0],
            cpus: call.body["cpus"]?.int ?? 1, created: time, isLate: isLate)
        guests.append(guest)
        return .document(document(guest))
    }

    private mutating func act(_ call: DriverCall) -> DriverAnswer {
        guard let index = guests.firstIndex(where: { $0.id == call.nativeID }) else {
            return .failure(DriverFailure(.notFound, "no such machine"))
        }
        switch call.verb {
        case "destroy":
            guests.remove(at: index)
            return .document(.null)
        case "pause": guests[index].state = "paused"
        case "suspend": guests[index].state = "suspended"
        case "stop": guests[index].state = "stopped"
        default: guests[index].state = "running"
        }
        return .document(.null)
    }

    /// What is building comes up.
    mutating func boot() {
        for index in guests.indices where guests[index].state == "building" { guests[index].state = "running" }
    }

    /// A second machine with the key of the first, as a careless driver would make it.
    mutating func double(_ index: Int, at time: Int64) {
        guard guests.indices.contains(index) else { return }
        counter += 1
        var copy = guests[index]
        copy.id = "\(name)-\(counter)"
        copy.created = time
        copy.isLate = true
        guests.append(copy)
    }

    /// Somebody destroyed it behind our back.
    mutating func lose(_ index: Int) {
        if guests.indices.contains(index) { guests.remove(at: index) }
    }

    func document(_ guest: Guest) -> JSON {
        [
            "id": JSON(guest.id), "key": JSON(guest.key), "state": JSON(guest.state), "node": JSON(guest.node), "cpus": JSON(guest.cpus),
            "created": JSON(Instant(milliseconds: guest.created).description),
        ]
    }
}
