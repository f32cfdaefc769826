import Model
public import Planner

/// Plays a workload against a plan under a virtual clock: the same plan, with the same calls, as the live Scheduler's.
public struct Simulation {
    public let model: SimulationModel
    var plan: Plan
    var jobs: [Workload.Job]
    var records: [LeaseRecord]
    /// Keeps which nodes each lease ran on, for a picture.
    public var keepsTurns = false
    private var rows: [NodeID: Int] = [:]
    private var numbers: [String: Int] = [:]
    private var ends = EndHeap()
    private var next = 0
    private var audit: Audit
    private var busy: Double = 0

    public init(_ workload: Workload, model: SimulationModel, settings: Settings) {
        self.init(workload, model: model, plan: Simulation.world(model, settings))
    }

    /// On a plan that holds something already: a snapshot of a live host, with changes.
    init(_ workload: Workload, model: SimulationModel, plan: Plan) {
        self.model = model
        self.plan = plan
        jobs = workload.jobs
        records = jobs.map { LeaseRecord(job: $0) }
        let nodes = plan.snapshot().nodes
        audit = Audit(nodes: nodes)
        for (row, node) in nodes.enumerated() { rows[node.id] = row }
        for (number, job) in jobs.enumerated() { numbers[job.id] = number }
    }

    static func world(_ model: SimulationModel, _ settings: Settings) -> Plan {
        var plan = Plan(settings)
        plan.upsert(Provider(name: "sim", suspend: model.suspend))
        for number in 0..<model.nodes { plan.upsert(Node(NodeID("sim", "n\(number)"), total: model.node)) }
        for (index, member) in model.members.enumerated() {
            plan.upsert(Provider(name: member.name, plugin: "member", member: member.name, rank: index + 1, suspend: model.suspend))
            for number in 0..<member.nodes { plan.upsert(Node(NodeID(member.name, "n\(number)"), total: model.node)) }
        }
        return plan
    }

    /// Plays to the end.
    public consuming func run() -> SimulationResult {
        // The clock always goes to the next thing that happens, whichever it is.
        while let time = nextTime() {
            while let end = ends.first, end.time <= time {
                ends.removeFirst()
                finish(end, at: time)
            }
            while next < jobs.count, jobs[next].submit <= time {
                submit(next, at: time)
                next += 1
            }
            for action in plan.advance(to: Instant(milliseconds: time)) { carryOut(action, at: time) }
        }
        return SimulationResult(records: records, model: model, busy: busy, violations: audit.violations)
    }

    private func nextTime() -> Int64? {
        let times = [ends.first?.time, next < jobs.count ? jobs[next].submit : nil, plan.nextWake?.milliseconds]
        return times.compactMap { $0 }.min()
    }

    private mutating func submit(_ number: Int, at time: Int64) {
        let request = request(number)
        switch plan.decide(request, now: Instant(milliseconds: time)) {
        case .placed(let placement):
            records[number].accepted = true
            // Whoever makes room for it at this very moment goes first.
            for action in plan.advance(to: Instant(milliseconds: time)) { carryOut(action, at: time) }
            if request.kind == .bestEffort || placement.prepare.milliseconds <= time { begin(number, placement, at: time) }
        case .queued: records[number].accepted = true
        case .refused(let refusal): records[number].refusal = refusal.message
        }
    }

    private func request(_ number: Int) -> Plan.Request {
        let job = jobs[number]
        let group = Plan.Group(count: job.machines, each: job.each)
        guard let start = job.start else {
            return Plan.Request(
                id: job.id, owner: job.owner, kind: .bestEffort, groups: [group], duration: model.inflated(job.requested),
                preemptible: model.suspend != nil)
        }
        return Plan.Request(
            id: job.id, owner: job.owner, kind: .advance, groups: [group], start: Instant(milliseconds: max(start, job.submit)),
            duration: model.overheadOfReservations ? model.inflated(job.requested) : job.requested,
            members: Plan.Request.members(ofKind: .advance))
    }

    /// What the job really takes in this world.
    private func real(_ number: Int) -> Int64 {
        let job = jobs[number]
        if job.start == nil { return model.inflated(job.real) }
        return model.overheadOfReservations ? model.inflated(job.real) : job.real
    }

    private mutating func carryOut(_ action: Action, at time: Int64) {
        guard let lease = action.lease, let number = numbers[lease] else { return }
        switch action {
        case .start(let placement), .resume(let placement): begin(number, placement, at: time)
        case .replan, .migrate, .add: break
        case .suspend(_, let by): pause(number, at: time, until: by.milliseconds)
        case .stop(_, let by), .cancel(_, let by):
            pause(number, at: time, until: by.milliseconds)
            records[number].ran = 0
        case .end:
            guard records[number].end == nil else { return }
            account(number, at: time)
            records[number].end = time
        case .reject(_, let refusal): records[number].refusal = refusal.message
        }
    }

    private mutating func begin(_ number: Int, _ placement: Placement, at time: Int64) {
        if records[number].start == nil { records[number].start = time }
        records[number].begins.append(time)
        records[number].running = placement.start.milliseconds
        records[number].turn += 1
        if keepsTurns { records[number].turns.append(placement.machines.compactMap { rows[$0.node] }) }
        audit.take(lease: number, placement.machines.map(\.node), jobs[number].each, at: time)
        ends.add(
            EndHeap.Item(
                time: placement.start.milliseconds + real(number) - records[number].ran, number: number, turn: records[number].turn))
    }

    private mutating func pause(_ number: Int, at time: Int64, until: Int64) {
        account(number, at: time)
        records[number].ran += max(0, time - records[number].running)
        records[number].preemptions += 1
        records[number].turn += 1
        records[number].pauses.append(until)
        audit.give(lease: number, at: until)
    }

    private mutating func finish(_ end: EndHeap.Item, at time: Int64) {
        guard records[end.number].turn == end.turn, records[end.number].end == nil else { return }
        account(end.number, at: time)
        records[end.number].ran = real(end.number)
        records[end.number].end = time
        plan.end(jobs[end.number].id, now: Instant(milliseconds: time))
        audit.give(lease: end.number, at: time)
    }

    private mutating func account(_ number: Int, at time: Int64) {
        let job = jobs[number]
        let ran = max(0, time - records[number].running)
        busy += Double(ran) * Double(job.machines) * job.each.cpus
        if records[number].turn > 0, job.start != nil, time - records[number].running >= job.real { records[number].ran = job.real }
    }
}

/// Ends that will come unless something happens before.
struct EndHeap {
    struct Item {
        var time: Int64
        var number: Int
        var turn: Int
    }

    private var items: [Item] = []

    var first: Item? { items.first }

    private static func before(_ left: Item, _ right: Item) -> Bool {
        left.time != right.time ? left.time < right.time : left.number < right.number
    }

    mutating func add(_ item: Item) {
        items.append(item)
        var index = items.count - 1
        while index > 0, EndHeap.before(items[index], items[(index - 1) / 2]) {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func removeFirst() {
        guard let last = items.popLast(), !items.isEmpty else { return }
        items[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < items.count && EndHeap.before(items[child], items[least]) {
                least = child
            }
            if least == index { return }
            items.swapAt(index, least)
            index = least
        }
    }
}
