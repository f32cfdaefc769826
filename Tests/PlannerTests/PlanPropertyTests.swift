import Model
import Testing

@testable import Planner

/// A plan under random operations, looked at from outside after each.
private struct World {
    var plan: Plan
    var chance: Chance
    var time: Int64 = 0
    var count = 0
    /// Accepted reservations: where and when they were promised.
    var promised: [String: (start: Instant, end: Instant?)] = [:]

    init(seed: UInt64) {
        chance = Chance(state: seed)
        plan = Plan(Settings(policy: seed.isMultiple(of: 2) ? .balanced : .fifo, explains: false, horizon: 100_000))
        plan.upsert(Provider(name: "a", suspend: SuspendModel(rate: 100, resumesElsewhere: true, keepsDisk: false)))
        plan.upsert(Provider(name: "b", rank: 1))
        for index in 0..<5 {
            plan.upsert(Node(NodeID("a", "n\(index)"), total: Resources(milliCPUs: 4000, memoryMiB: 40, diskGiB: 100, machines: 10)))
            plan.upsert(
                Node(
                    NodeID("b", "n\(index)"), total: Resources(milliCPUs: 6000, memoryMiB: 30, diskGiB: 100, machines: 3, named: ["gpu": 1])
                ))
        }
    }

    mutating func request() -> Plan.Request {
        count += 1
        let kind = LeaseKind.allCases[chance.upTo(4)]
        let groups = (0..<(chance.oneIn(4) ? 2 : 1)).map { _ in
            Plan.Group(
                count: 1 + chance.upTo(6),
                each: .machine(
                    cpus: Double(1 + chance.upTo(3)), memoryMiB: Int64(1 + chance.upTo(12)), named: chance.oneIn(12) ? ["gpu": 1] : [:]),
                style: chance.oneIn(4) ? .spread : .pack)
        }
        let duration = Int64(1000 + chance.upTo(30_000))
        let start = time + Int64(chance.upTo(40_000))
        return Plan.Request(
            id: "l\(count)", kind: kind, groups: groups, start: kind == .advance ? Instant(milliseconds: start) : nil,
            duration: kind == .immediate && chance.oneIn(5) ? nil : duration,
            deadline: kind == .deadline ? Instant(milliseconds: start + 2 * duration) : nil, priority: chance.upTo(2))
    }

    mutating func decide() {
        let request = request()
        if case .placed(let placement) = plan.decide(request, now: Instant(milliseconds: time)) {
            #expect(placement.machines.count == request.machineCount, "an atomic group is whole")
            if request.kind != .bestEffort { promised[request.id] = (placement.start, placement.end) }
        }
    }

    mutating func step() {
        switch chance.upTo(10) {
        case 0...4: decide()
        case 5:
            let ids = plan.index.keys.sorted()
            guard !ids.isEmpty else { return }
            let id = ids[chance.upTo(ids.count)]
            promised[id] = nil
            plan.end(id, now: Instant(milliseconds: time))
        case 6: dryRun()
        default:
            time += Int64(chance.upTo(4000))
            advance()
        }
    }

    mutating func advance() {
        for action in plan.advance(to: Instant(milliseconds: time)) {
            if case .end(let lease) = action {
                if let end = promised[lease]?.end { #expect(end.milliseconds <= time, "nobody ends before its time") }
                promised[lease] = nil
            }
        }
    }

    mutating func dryRun() {
        // What is due at this moment is done first: a dry run may find it done.
        advance()
        let before = holdings()
        _ = plan.tryOut(request(), now: Instant(milliseconds: time))
        #expect(holdings() == before, "a dry run leaves nothing")
    }

    func holdings() -> [String] {
        plan.index.values.map { slot in
            let entry = plan.entries[Int(slot)]
            return "\(entry.request.id) \(entry.phase) \(entry.places) \(entry.holdStart) \(entry.holdEnd) \(entry.promised)"
        }.sorted()
    }

    /// At every moment what is held on a node and what is free there are together what it has.
    func check() {
        let leases = plan.index.values.map { plan.entries[Int($0)] }
        for (slot, node) in plan.nodes.enumerated() {
            var moments: Set<Int64> = [time]
            var held: [(Int64, Int64, Room)] = []
            for entry in leases where entry.holds {
                entry.forEachRun { group, place, count in
                    guard place == Int32(slot) else { return }
                    held.append((entry.holdStart, entry.holdEnd, entry.groups[group].room * count))
                    moments.insert(max(time, entry.holdStart))
                }
            }
            for moment in moments {
                let used = held.filter { $0.0 <= moment && moment < $0.1 }.reduce(Room.zero) { $0 + $1.2 }
                #expect(used.fits(node.capacity), "\(node.facts.id) holds more than it has at \(moment)")
                #expect(node.free.value(at: moment) + used == node.capacity)
            }
        }
        for (id, promise) in promised {
            guard let slot = plan.index[id] else {
                #expect(Bool(false), "\(id) was promised and is gone")
                continue
            }
            let entry = plan.entries[Int(slot)]
            #expect(entry.start == promise.start.milliseconds && entry.holdEnd == promise.end?.milliseconds ?? Int64.max)
            #expect(entry.places.allSatisfy { $0 >= 0 })
        }
    }
}

@Suite("the plan under random operations")
struct PlanPropertyTests {
    @Test("capacity is never exceeded, no promise is broken, atomic groups are whole, dry runs leave nothing", arguments: 1...6)
    func random(seed: UInt64) {
        var world = World(seed: seed)
        let operations = Chance.times("BERTH_PLANNER_OPERATIONS", 1800) / 6
        for operation in 0..<operations {
            world.step()
            if operation < 300 || operation.isMultiple(of: 50) { world.check() }
        }
        // Everything ends: every node is as it was.
        for id in world.plan.index.keys.sorted() { world.plan.end(id, now: Instant(milliseconds: world.time)) }
        _ = world.plan.advance(to: Instant(milliseconds: world.time))
        for node in world.plan.nodes {
            #expect(node.free.minimum(world.time, Int64.max) == node.capacity)
            #expect(node.firm.minimum(world.time, Int64.max) == node.capacity)
            #expect(node.holders.isEmpty)
        }
    }

    @Test("a batch that is undone leaves every lease where it was", arguments: 1...4)
    func undo(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<60 { world.step() }
        for _ in 0..<30 {
            let before = world.holdings()
            let promised = world.promised
            let mark = world.plan.mark()
            for _ in 0..<4 { world.decide() }
            if let id = world.plan.index.keys.min() { world.plan.end(id, now: Instant(milliseconds: world.time)) }
            world.plan.undo(to: mark)
            world.promised = promised
            #expect(world.holdings() == before)
            world.check()
            world.step()
        }
    }

    @Test("a large lease is served although smaller ones never stop coming")
    func ageing() {
        var plan = Plan(Settings(explains: false))
        for index in 0..<4 { plan.upsert(Node(NodeID("p", "n\(index)"), total: Resources(milliCPUs: 1000, memoryMiB: 1024, machines: 1))) }
        let each = Resources.machine(cpus: 1, memoryMiB: 1)
        var started: Int64?
        var time: Int64 = 0
        for number in 0..<4000 where started == nil {
            time = Int64(number) * 240_000
            let small = Plan.Request(id: "s\(number)", kind: .bestEffort, groups: [Plan.Group(each: each)], duration: 1_000_000)
            _ = plan.decide(small, now: Instant(milliseconds: time))
            if number == 20 {
                let large = Plan.Request(id: "large", kind: .bestEffort, groups: [Plan.Group(count: 4, each: each)], duration: 3_600_000)
                _ = plan.decide(large, now: Instant(milliseconds: time))
            }
            for action in plan.advance(to: Instant(milliseconds: time)) {
                if case .start(let placement) = action, placement.lease == "large" { started = time }
            }
        }
        #expect(started != nil)
    }
}
