import Model
import Testing

@testable import Planner

@Suite("the plan, one promise at a time")
struct PlanTests {
    static let each = Resources.machine(cpus: 1, memoryMiB: 1000)

    static func at(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1000) }

    static func plan(nodes: Int = 2, cpus: Int64 = 2, suspend: SuspendModel? = SuspendModel(rate: 100, resumesElsewhere: true)) -> Plan {
        var plan = Plan()
        plan.upsert(Provider(name: "p", suspend: suspend, bootMilliseconds: 5000, migrates: true))
        for index in 0..<nodes {
            plan.upsert(
                Node(NodeID("p", "n\(index)"), total: Resources(milliCPUs: cpus * 1000, memoryMiB: 8000, diskGiB: 100, machines: 20)))
        }
        return plan
    }

    @Test("a create of exactly as many as fit succeeds, and one more does not")
    func fits() {
        var plan = Self.plan()
        let count = plan.fits(Self.each, now: Self.at(1))["p"] ?? 0
        #expect(count == 4)
        guard case .refused = plan.decide(Plan.Request(id: "b", groups: [Plan.Group(count: count + 1, each: Self.each)]), now: Self.at(1)),
            case .placed = plan.decide(Plan.Request(id: "a", groups: [Plan.Group(count: count, each: Self.each)]), now: Self.at(1))
        else {
            Issue.record("the count is wrong")
            return
        }
        #expect(plan.fits(Self.each, now: Self.at(1))["p"] == 0)
    }

    @Test("a reservation suspends best effort in time, and it resumes afterwards")
    func preemption() throws {
        var plan = Self.plan(nodes: 1)
        let work = Plan.Request(id: "work", kind: .bestEffort, groups: [Plan.Group(count: 2, each: Self.each)], duration: 3_600_000)
        guard case .placed = plan.decide(work, now: Self.at(0)) else {
            Issue.record("best effort did not start on an empty node")
            return
        }
        let course = Plan.Request(
            id: "course", kind: .advance, groups: [Plan.Group(count: 2, each: Self.each)], start: Self.at(1000), duration: 600_000)
        guard case .placed(let placement) = plan.decide(course, now: Self.at(10)) else {
            Issue.record("the reservation was refused")
            return
        }
        #expect(placement.preempts == ["work"])
        // 2,000 MiB at 100 MiB/s: twenty seconds before.
        #expect(plan.nextWake == Self.at(980))
        #expect(plan.advance(to: Self.at(980)) == [.suspend(lease: "work", by: Self.at(1000))])
        let actions = plan.advance(to: Self.at(1000))
        #expect(actions.contains { if case .start(let placement) = $0 { placement.lease == "course" } else { false } })
        #expect(plan.lease("work")?.phase == .suspended)
        let later = plan.advance(to: Self.at(1600))
        #expect(later.contains { if case .resume(let placement) = $0 { placement.lease == "work" } else { false } })
        // It slept 600 s, and needs twenty more to wake.
        #expect(plan.lease("work")?.placement?.end == Self.at(3600 + 620 + 20))
    }

    @Test("machines of an advance lease are made as early as they take to boot, where there is room")
    func prepare() {
        var plan = Self.plan()
        let request = Plan.Request(id: "a", kind: .advance, groups: [Plan.Group(each: Self.each)], start: Self.at(100), duration: 10_000)
        guard case .placed(let placement) = plan.decide(request, now: Self.at(0)) else {
            Issue.record("refused")
            return
        }
        #expect(placement.prepare == Self.at(95))
        #expect(plan.advance(to: Self.at(94)).isEmpty)
        #expect(plan.advance(to: Self.at(95)).count == 1)
    }

    @Test("a premature end gives its room to the queue at once")
    func premature() {
        var plan = Self.plan(nodes: 1, suspend: nil)
        let both = [Plan.Group(count: 2, each: Self.each)]
        _ = plan.decide(Plan.Request(id: "a", kind: .bestEffort, groups: both, duration: 100_000), now: Self.at(0))
        let waits = plan.decide(Plan.Request(id: "b", kind: .bestEffort, groups: both, duration: 100_000), now: Self.at(1))
        #expect(waits == .queued(expected: Self.at(100)))
        plan.end("a", now: Self.at(7))
        #expect(plan.advance(to: Self.at(7)).first?.lease == "b")
    }

    @Test("a change is made whole or refused with nothing changed")
    func change() {
        var plan = Self.plan(nodes: 1)
        let one = [Plan.Group(count: 1, each: Self.each)]
        _ = plan.decide(Plan.Request(id: "a", groups: one, duration: 100_000), now: Self.at(0))
        _ = plan.decide(
            Plan.Request(id: "b", kind: .advance, groups: [Plan.Group(count: 2, each: Self.each)], start: Self.at(200), duration: 50_000),
            now: Self.at(0))
        let before = plan.lease("a")
        guard case .refused = plan.change("a", Change(end: Self.at(201)), now: Self.at(0)) else {
            Issue.record("it was extended into a promise")
            return
        }
        #expect(plan.lease("a") == before)
        guard case .placed(let longer) = plan.change("a", Change(end: Self.at(190)), now: Self.at(0)) else {
            Issue.record("it was not extended into free room")
            return
        }
        #expect(longer.end == Self.at(190))
        guard case .placed(let wider) = plan.change("a", Change(counts: [0: 2]), now: Self.at(0)) else {
            Issue.record("it was not widened")
            return
        }
        #expect(wider.machines.count == 2)
        guard case .placed(let narrow) = plan.change("a", Change(counts: [0: 1]), now: Self.at(0)) else {
            Issue.record("it was not shrunk")
            return
        }
        #expect(narrow.machines.count == 1)
    }

    @Test("a drained node takes nothing new; what can move moves, and what stays is named")
    func drain() {
        var plan = Self.plan(nodes: 2)
        _ = plan.decide(Plan.Request(id: "a", groups: [Plan.Group(count: 1, each: Self.each)]), now: Self.at(0))
        let report = plan.drain(NodeID("p", "n0"), way: .migrate, now: Self.at(1))
        #expect(report.moves == ["a"] && report.stays.isEmpty)
        #expect(plan.advance(to: Self.at(1)).first?.lease == "a")
        #expect(plan.lease("a")?.placement?.machines.first?.node == NodeID("p", "n1"))
        let second = plan.drain(NodeID("p", "n1"), way: .wait, now: Self.at(2))
        #expect(second.stays.map(\.lease) == ["a"])
        guard case .refused = plan.decide(Plan.Request(id: "b", groups: [Plan.Group(each: Self.each)]), now: Self.at(3)) else {
            Issue.record("a drained node took a machine")
            return
        }
    }

    @Test("a restart puts every lease back where it was")
    func adopt() {
        var plan = Self.plan()
        let request = Plan.Request(
            id: "a", kind: .advance, groups: [Plan.Group(count: 3, each: Self.each)], start: Self.at(50), duration: 9000)
        _ = plan.decide(request, now: Self.at(0))
        _ = plan.decide(Plan.Request(id: "b", kind: .bestEffort, groups: [Plan.Group(each: Self.each)], duration: 90_000), now: Self.at(0))
        let again = Plan(plan.snapshot())
        #expect(again.lease("a") == plan.lease("a"))
        #expect(again.lease("b") == plan.lease("b"))
        #expect(again.fits(Self.each, now: Self.at(1)) == plan.fits(Self.each, now: Self.at(1)))
    }

    @Test("the cheaper provider is filled first, by the time of the day")
    func tariffs() {
        var plan = Plan()
        let night = Tariff(perCPUHour: 2, spans: [Tariff.Span(from: 0, to: 360, factor: 0.1)])
        plan.upsert(Provider(name: "day", tariff: Tariff(perCPUHour: 1)))
        plan.upsert(Provider(name: "night", tariff: night))
        for name in ["day", "night"] {
            plan.upsert(Node(NodeID(name, "n"), total: Resources(milliCPUs: 4000, memoryMiB: 9999, machines: 9)))
        }
        for (hour, provider) in [(3, "night"), (12, "day")] {
            let request = Plan.Request(
                id: provider, kind: .advance, groups: [Plan.Group(each: Self.each)], start: Self.at(Int64(hour) * 3600), duration: 3_600_000
            )
            guard case .placed(let placement) = plan.decide(request, now: Self.at(0)) else {
                Issue.record("refused")
                return
            }
            #expect(placement.machines.first?.node.provider == provider)
            #expect(abs(placement.price - (hour == 3 ? 0.2 : 1)) < 1e-9)
        }
    }
}
