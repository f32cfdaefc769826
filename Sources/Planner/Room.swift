/// An amount that a step function can hold.
protocol Amount: Equatable, Sendable {
    static var zero: Self { get }
    static func + (left: Self, right: Self) -> Self
    static func - (left: Self, right: Self) -> Self
    /// Whether all of it is there in `room`.
    func fits(_ room: Self) -> Bool
    func smaller(_ other: Self) -> Self
}

/// Resources as the planner computes with them: a row of whole numbers, no allocation, no dictionary.
///
/// Written out field by field: quick with and without the optimiser.
struct Room: Amount {
    var cpus: Int32 = 0
    var memory: Int32 = 0
    var disk: Int32 = 0
    var machines: Int32 = 0
    // Named resources, by their lane.
    var n0: Int32 = 0
    var n1: Int32 = 0
    var n2: Int32 = 0
    var n3: Int32 = 0
    var n4: Int32 = 0
    var n5: Int32 = 0
    var n6: Int32 = 0
    var n7: Int32 = 0

    static let zero = Room()
    /// What fits nowhere: stands for a node that takes nothing.
    static let none = Room(cpus: -1, memory: -1, disk: -1, machines: -1)
    /// "Not counted", and the most that is counted of anything.
    static let most: Int32 = 1 << 30
    static let lanes = 12

    @inline(__always)
    static func + (a: Room, b: Room) -> Room {
        Room(
            cpus: a.cpus &+ b.cpus, memory: a.memory &+ b.memory, disk: a.disk &+ b.disk, machines: a.machines &+ b.machines,
            n0: a.n0 &+ b.n0, n1: a.n1 &+ b.n1, n2: a.n2 &+ b.n2, n3: a.n3 &+ b.n3, n4: a.n4 &+ b.n4, n5: a.n5 &+ b.n5, n6: a.n6 &+ b.n6,
            n7: a.n7 &+ b.n7)
    }

    @inline(__always)
    static func - (a: Room, b: Room) -> Room {
        Room(
            cpus: a.cpus &- b.cpus, memory: a.memory &- b.memory, disk: a.disk &- b.disk, machines: a.machines &- b.machines,
            n0: a.n0 &- b.n0, n1: a.n1 &- b.n1, n2: a.n2 &- b.n2, n3: a.n3 &- b.n3, n4: a.n4 &- b.n4, n5: a.n5 &- b.n5, n6: a.n6 &- b.n6,
            n7: a.n7 &- b.n7)
    }

    @inline(__always)
    static func * (a: Room, count: Int) -> Room {
        let c = Int32(truncatingIfNeeded: count)
        return Room(
            cpus: a.cpus &* c, memory: a.memory &* c, disk: a.disk &* c, machines: a.machines &* c,
            n0: a.n0 &* c, n1: a.n1 &* c, n2: a.n2 &* c, n3: a.n3 &* c, n4: a.n4 &* c, n5: a.n5 &* c, n6: a.n6 &* c, n7: a.n7 &* c)
    }

    @inline(__always)
    func fits(_ r: Room) -> Bool {
        cpus <= r.cpus && memory <= r.memory && machines <= r.machines && disk <= r.disk && n0 <= r.n0 && n1 <= r.n1 && n2 <= r.n2
            && n3 <= r.n3 && n4 <= r.n4 && n5 <= r.n5 && n6 <= r.n6 && n7 <= r.n7
    }

    @inline(__always)
    func smaller(_ b: Room) -> Room {
        Room(
            cpus: min(cpus, b.cpus), memory: min(memory, b.memory), disk: min(disk, b.disk), machines: min(machines, b.machines),
            n0: min(n0, b.n0), n1: min(n1, b.n1), n2: min(n2, b.n2), n3: min(n3, b.n3), n4: min(n4, b.n4), n5: min(n5, b.n5),
            n6: min(n6, b.n6), n7: min(n7, b.n7))
    }

    @inline(__always)
    func larger(_ b: Room) -> Room {
        Room(
            cpus: max(cpus, b.cpus), memory: max(memory, b.memory), disk: max(disk, b.disk), machines: max(machines, b.machines),
            n0: max(n0, b.n0), n1: max(n1, b.n1), n2: max(n2, b.n2), n3: max(n3, b.n3), n4: max(n4, b.n4), n5: max(n5, b.n5),
            n6: max(n6, b.n6), n7: max(n7, b.n7))
    }

    subscript(lane: Int) -> Int32 {
        get {
            switch lane {
            case 0: cpus
            case 1: memory
            case 2: disk
            case 3: machines
            case 4: n0
            case 5: n1
            case 6: n2
            case 7: n3
            case 8: n4
            case 9: n5
            case 10: n6
            default: n7
            }
        }
        set {
            switch lane {
            case 0: cpus = newValue
            case 1: memory = newValue
            case 2: disk = newValue
            case 3: machines = newValue
            case 4: n0 = newValue
            case 5: n1 = newValue
            case 6: n2 = newValue
            case 7: n3 = newValue
            case 8: n4 = newValue
            case 9: n5 = newValue
            case 10: n6 = newValue
            default: n7 = newValue
            }
        }
    }

    /// How many times `each` fits into this; never more than `most`.
    func count(of each: Room, most: Int) -> Int {
        guard each.fits(self) else { return 0 }
        if most <= 1 { return most }
        var count = Int32(truncatingIfNeeded: min(most, Int(Room.most)))
        for lane in 0..<Room.lanes {
            let one = each[lane]
            if one > 0 { count = min(count, self[lane] / one) }
        }
        return Int(count)
    }
}

/// A sum over many nodes: only what every node has, in numbers wide enough for a hundred thousand of them.
struct Sum: Amount {
    var cpus: Int64 = 0
    var memory: Int64 = 0
    var disk: Int64 = 0
    var machines: Int64 = 0

    static let zero = Sum()

    init() {}

    init(_ room: Room, times count: Int = 1) {
        let count = Int64(count)
        cpus = Int64(room.cpus) * count
        memory = Int64(room.memory) * count
        disk = Int64(room.disk) * count
        machines = Int64(room.machines) * count
    }

    init(cpus: Int64, memory: Int64, disk: Int64, machines: Int64) {
        self.cpus = cpus
        self.memory = memory
        self.disk = disk
        self.machines = machines
    }

    @inline(__always)
    static func + (a: Sum, b: Sum) -> Sum {
        Sum(cpus: a.cpus &+ b.cpus, memory: a.memory &+ b.memory, disk: a.disk &+ b.disk, machines: a.machines &+ b.machines)
    }

    @inline(__always)
    static func - (a: Sum, b: Sum) -> Sum {
        Sum(cpus: a.cpus &- b.cpus, memory: a.memory &- b.memory, disk: a.disk &- b.disk, machines: a.machines &- b.machines)
    }

    @inline(__always)
    func fits(_ r: Sum) -> Bool { cpus <= r.cpus && memory <= r.memory && disk <= r.disk && machines <= r.machines }

    @inline(__always)
    func smaller(_ b: Sum) -> Sum {
        Sum(cpus: min(cpus, b.cpus), memory: min(memory, b.memory), disk: min(disk, b.disk), machines: min(machines, b.machines))
    }
}
