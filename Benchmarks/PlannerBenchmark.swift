import JSON
import Model
import Planner

/// `berth-bench planner`: placement decisions a second, with explanations off, on one core.
enum PlannerBenchmark {
    static let each = Resources.machine(cpus: 1, memoryMiB: 1024, diskGiB: 10)

    static func run(quick: Bool) -> JSON {
        var rows: [JSON] = []
        for nodes in quick ? [100, 1000] : [100, 1000, 10_000, 100_000] {
            for kind in ["immediate", "advance", "gang of 16"] {
                for full in [false, true] { rows.append(measure(nodes, kind, full: full, decisions: quick ? 2000 : 20_000)) }
            }
        }
        let sizes = quick ? [1000] : [1000, 10_000, 100_000, 1_000_000]
        return ["decisions": .array(rows), "growth": .array(sizes.map { growth($0, nodes: quick ? 1000 : 10_000) })]
    }

    static func world(_ nodes: Int) -> Plan {
        var plan = Plan(Settings(explains: false))
        for index in 0..<nodes {
            plan.upsert(
                Node(
                    NodeID("p\(index % 4)", "n\(index)"),
                    total: Resources(milliCPUs: 32_000, memoryMiB: 131_072, diskGiB: 4000, machines: 64), tags: ["rack": "\(index % 40)"]))
        }
        return plan
    }

    /// Decisions of one kind; `full`: nineteen of twenty cpus are taken before.
    static func measure(_ nodes: Int, _ kind: String, full: Bool, decisions: Int) -> JSON {
        var plan = world(nodes)
        let now = Instant(milliseconds: 0)
        if full {
            for index in 0..<nodes {
                let size = Resources.machine(cpus: 30, memoryMiB: 65_536, diskGiB: 100)
                _ = plan.decide(Plan.Request(id: "f\(index)", groups: [Plan.Group(each: size)], duration: 86_400_000), now: now)
            }
        }
        let many = kind.hasPrefix("gang") ? 16 : 1
        let count = min(decisions, nodes * (full ? 2 : 20) / many)
        var best = 0.0
        var placed = 0
        for _ in 0..<3 {
            var copy = plan
            placed = 0
            let clock = ContinuousClock()
            let began = clock.now
            for number in 0..<count {
                let start = kind == "advance" ? Instant(milliseconds: Int64(3_600_000 + number % 500 * 60_000)) : nil
                let request = Plan.Request(
                    id: "r\(number)", kind: start == nil ? .immediate : .advance, groups: [Plan.Group(count: many, each: each)],
                    start: start,
                    duration: 7_200_000)
                if case .placed = copy.decide(request, now: now) { placed += 1 }
            }
            best = max(best, Double(count) / seconds(clock.now - began))
        }
        return [
            "nodes": JSON(nodes), "kind": JSON(kind), "full": JSON(full), "decisions": JSON(count), "placed": JSON(placed),
            "per_second": JSON(best.rounded()),
        ]
    }

    /// Advance decisions with so many reservations in the timeline, and what one of them costs in memory.
    static func growth(_ leases: Int, nodes: Int) -> JSON {
        var plan = world(nodes)
        let before = resident()
        var state: UInt64 = 1
        func chance(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        func request(_ number: Int) -> Plan.Request {
            Plan.Request(
                id: "r\(number)", kind: .advance, groups: [Plan.Group(each: .machine(cpus: Double(1 + chance(8)), memoryMiB: 4096))],
                start: Instant(milliseconds: Int64(1 + chance(30 * 86_400)) * 1000), duration: Int64(1 + chance(86_400)) * 1000)
        }
        let now = Instant(milliseconds: 0)
        let clock = ContinuousClock()
        for number in 0..<leases { _ = plan.decide(request(number), now: now) }
        let after = resident()
        var best = 0.0
        for round in 0..<3 {
            let began = clock.now
            for number in 0..<5000 { _ = plan.decide(request(leases + round * 5000 + number), now: now) }
            best = max(best, 5000 / seconds(clock.now - began))
            for number in 0..<5000 { plan.end("r\(leases + round * 5000 + number)", now: now) }
        }
        return [
            "leases": JSON(leases), "nodes": JSON(nodes), "per_second": JSON(best.rounded()),
            "bytes_per_lease": JSON(Double(max(0, after - before)) / Double(leases)),
        ]
    }

    static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
