import Model
import Testing

@testable import Planner

/// Small plans whose every moment can be counted on a table, and what the plan says of them.
@Suite("why not, and what instead")
struct RefusalTests {
    @Test("every reason, every free amount and every offered time of random refusals is confirmed by counting")
    func brute() {
        var chance = Chance(state: 42)
        let wanted = Chance.times("BERTH_PLANNER_REFUSALS", 300)
        var refusals = 0
        while refusals < wanted {
            var plan = Plan(Settings(horizon: 1000))
            let sizes = (0..<(2 + chance.upTo(3))).map { _ in 1 + chance.upTo(4) }
            for (index, size) in sizes.enumerated() {
                plan.upsert(
                    Node(
                        NodeID("p", "n\(index)"),
                        total: Resources(milliCPUs: Int64(size) * 1000, memoryMiB: 1000, diskGiB: 0, machines: 100)))
            }
            // free[node][time], counted beside the plan.
            var free = sizes.map { [Int](repeating: $0, count: Self.span) }
            for number in 0..<25 {
                let request = Self.request(number, &chance)
                let start = Int(request.start?.milliseconds ?? 0)
                let cpus = Int(request.groups[0].each.milliCPUs / 1000)
                switch plan.decide(request, now: Instant(milliseconds: 0)) {
                case .placed(let placement):
                    for machine in placement.machines {
                        let node = Int(machine.node.node.dropFirst()) ?? 0
                        for time in start..<(start + Int(request.duration ?? 0)) { free[node][time] -= cpus }
                    }
                    #expect(free.allSatisfy { $0.allSatisfy { $0 >= 0 } })
                case .queued: #expect(Bool(false), "nothing here queues")
                case .refused(let refusal):
                    refusals += 1
                    Self.confirm(refusal, request, free, sizes)
                }
            }
        }
    }

    static let span = 400

    static func request(_ number: Int, _ chance: inout Chance) -> Plan.Request {
        let advance = !chance.oneIn(4)
        return Plan.Request(
            id: "l\(number)", kind: advance ? .advance : .immediate,
            groups: [Plan.Group(count: 1 + chance.upTo(5), each: .machine(cpus: Double(1 + chance.upTo(3)), memoryMiB: 1))],
            start: advance ? Instant(milliseconds: Int64(chance.upTo(60))) : nil, duration: Int64(5 + chance.upTo(40)))
    }

    static func fits(_ free: [[Int]], _ cpus: Int, _ count: Int, _ start: Int, _ duration: Int) -> Bool {
        free.reduce(0) { $0 + ($1[start..<start + duration].min() ?? 0) / cpus } >= count
    }

    static func confirm(_ refusal: Refusal, _ request: Plan.Request, _ free: [[Int]], _ sizes: [Int]) {
        let cpus = Int(request.groups[0].each.milliCPUs / 1000)
        let (count, duration) = (request.groups[0].count, Int(request.duration ?? 0))
        let start = Int(request.start?.milliseconds ?? 0)
        let everFits = sizes.reduce(0) { $0 + $1 / cpus } >= count
        #expect(refusal.reason == (everFits ? .busy : .never))
        #expect(!fits(free, cpus, count, start, duration), "it was refused although it fits")
        for verdict in refusal.explanation.verdicts {
            let node = Int(verdict.node.node.dropFirst()) ?? 0
            let least = free[node][start..<start + duration].min() ?? 0
            #expect(verdict.fits == min(count, least / cpus))
            switch verdict.obstacle {
            case .size(_, let asked, let total): #expect(asked > total && total == Int64(sizes[node]) * 1000)
            case .room(_, let asked, let there, let at):
                #expect(asked > there && there == Int64(free[node][Int(at.milliseconds)]) * 1000)
                #expect(!verdict.holders.isEmpty)
            case nil: #expect(least >= cpus)
            default: #expect(Bool(false), "there is no such obstacle here")
            }
        }
        guard everFits else { return }
        for offer in refusal.offers {
            let length = Int(offer.duration ?? 0)
            #expect(fits(free, cpus, offer.machines, Int(offer.start.milliseconds), length), "an offer that cannot be kept: \(offer)")
        }
        // The earliest of all times, and nothing before.
        let from = request.kind == .immediate ? start + 1 : 0
        let first = (from..<span - duration).first { fits(free, cpus, count, $0, duration) }
        #expect(refusal.earliest.map { Int($0.milliseconds) } == first)
    }

    @Test("a requirement that no node meets is named, and so is a quota")
    func reasons() throws {
        var plan = Plan()
        plan.upsert(Node(NodeID("p", "n"), total: Resources(milliCPUs: 8000, memoryMiB: 8192, machines: 10), tags: ["gpu": "no"]))
        plan.set(Quota(limit: Resources(milliCPUs: 2000)), project: "small")
        let each = Resources.machine(cpus: 1, memoryMiB: 512)
        let requirement = try Requirement(parsing: "cpus >= 2 && tag.gpu == \"yes\"")
        let picky = Plan.Request(id: "a", groups: [Plan.Group(each: each, requirement: requirement)])
        guard case .refused(let first) = plan.decide(picky, now: Instant(milliseconds: 5)) else {
            Issue.record("it was not refused")
            return
        }
        #expect(first.reason == .requirements)
        #expect(first.explanation.verdicts.first?.obstacle == .requirement("tag.gpu == \"yes\""))
        let greedy = Plan.Request(id: "b", project: "small", groups: [Plan.Group(count: 3, each: each)])
        guard case .refused(let second) = plan.decide(greedy, now: Instant(milliseconds: 5)) else {
            Issue.record("it was not refused")
            return
        }
        #expect(second.reason == .quota)
        #expect(second.message.contains("small"))
    }
}
