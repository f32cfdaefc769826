public import Model

extension Plan {
    /// What the plan knows of a lease; nil: nothing (never asked for, refused, or ended).
    public func lease(_ id: String) -> LeaseView? { index[id].map { view($0) } }

    /// The ids of the leases that wait, in the order of their arrival.
    public var queue: [String] { waiting.map { entries[Int($0)].request.id } }

    private func view(_ lease: Int32) -> LeaseView {
        let entry = entries[Int(lease)]
        var phase = entry.phase
        if phase == .resuming, entry.start <= now.milliseconds { phase = .running }
        var shown = entry.holds && !entry.promised ? placement(lease) : nil
        if entry.phase == .suspended, !entry.bed.isEmpty, !entry.promised { shown = placement(lease) }
        var ran = entry.ran
        if entry.phase == .running || entry.phase == .resuming { ran += max(0, now.milliseconds - entry.start) }
        return LeaseView(
            request: entry.request, phase: phase, placement: shown, preemptions: entry.preemptions, ran: ran, asleep: entry.asleep)
    }

    /// Everything, as plain values: `berth simulate --what-if` reads it, and `adopt` takes its leases.
    public func snapshot() -> PlanSnapshot {
        let leases = index.values.sorted { entries[Int($0)].sequence < entries[Int($1)].sequence }.map { view($0) }
        var quotas: [String: Quota] = [:]
        for (name, project) in projects { quotas[name] = project.quota }
        return PlanSnapshot(
            now: now, providers: pools.map(\.provider), nodes: nodes.filter(\.known).map(\.facts), quotas: quotas, leases: leases)
    }

    /// A plan from a snapshot.
    public init(_ snapshot: PlanSnapshot, settings: Settings = Settings()) {
        self.init(settings)
        now = snapshot.now
        for provider in snapshot.providers { upsert(provider) }
        for node in snapshot.nodes { upsert(node) }
        for (project, quota) in snapshot.quotas.sorted(by: { $0.key < $1.key }) { set(quota, project: project) }
        for lease in snapshot.leases where lease.phase != .waiting { adopt(lease) }
        for lease in snapshot.leases where lease.phase == .waiting { adopt(lease) }
    }

    /// A lease that the ledger holds, after a restart: it takes its place as it was, without being asked whether there is room.
    /// Adopt what runs or is promised first, then what waits.
    public mutating func adopt(_ lease: Adopted) {
        guard index[lease.request.id] == nil else { return }
        for group in lease.request.groups { lanes.learn(group.each.named) }
        guard let slot = enter(lease.request) else { return }
        let index = Int(slot)
        entries[index].preemptions = lease.preemptions
        entries[index].asleep = lease.asleep
        entries[index].phase = lease.phase
        entries[index].everStarted = lease.phase != .waiting && lease.phase != .planned
        guard let placement = lease.placement, lease.phase != .waiting else {
            entries[index].phase = .waiting
            joinQueue(slot)
            schedule(slot)
            released = true
            return
        }
        var places = [Int32](repeating: -1, count: lease.request.machineCount)
        for machine in placement.machines {
            guard let node = nodeIndex[machine.node], lease.request.groups.indices.contains(machine.group) else { continue }
            let position = lease.request.groups[..<machine.group].reduce(0) { $0 + $1.count } + machine.index
            if places.indices.contains(position) { places[position] = node }
        }
        entries[index].places = places
        entries[index].start = placement.start.milliseconds
        let begun = lease.phase == .running || lease.phase == .resuming
        let earlier = begun ? max(0, lease.ran - max(0, now.milliseconds - placement.start.milliseconds)) : lease.ran
        entries[index].ran = earlier
        if let duration = lease.request.duration { entries[index].work = max(0, duration - earlier) }
        let end = placement.end?.milliseconds ?? Int64.max
        switch lease.phase {
        case .suspended:
            entries[index].bed = places
            entries[index].resting = suspendModel(places)?.keepsDisk ?? false
            rest(slot, taking: true)
            if !lease.asleep { joinQueue(slot) }
        default:
            entries[index].holdStart = min(placement.prepare.milliseconds, placement.start.milliseconds)
            entries[index].holdEnd = end
            entries[index].fullEnd = end
            if lease.phase == .suspending { entries[index].yieldAt = end }
            hold(slot)
            if lease.phase == .planned { plan(slot) }
        }
        schedule(slot)
        released = true
    }

    // MARK: projects

    public mutating func set(_ quota: Quota, project: String) {
        var state = projects[project] ?? Project()
        guard state.quota != quota || projects[project] == nil else { return }
        state.quota = quota
        state.left = quota.limit.map { StepFunction(Plan.limit($0, lanes)) }
        projects[project] = state
        guard state.left != nil else { return }
        for slot in index.values {
            let entry = entries[Int(slot)]
            guard entry.request.project == project, entry.holds else { continue }
            for group in entry.groups {
                projects[project]?.left?.add(.zero - group.room * group.count, max(entry.holdStart, now.milliseconds), entry.holdEnd)
            }
        }
        released = true
    }

    /// What a limit leaves at zero is not limited.
    static func limit(_ limit: Resources, _ lanes: Lanes) -> Room {
        var room = lanes.capacity(limit)
        for lane in 0..<Room.lanes where room[lane] == 0 { room[lane] = Room.most }
        return room
    }

    // MARK: how much more

    /// How many machines of this size fit now, until cancelled, by provider; providers without any are there with 0. A create of
    /// exactly that many on that provider succeeds.
    public func fits(_ each: Resources, requirement: Requirement? = nil, project: String = "", now: Instant) -> [String: Int] {
        var counts: [String: Int] = [:]
        for pool in pools { counts[pool.provider.name] = 0 }
        guard let room = lanes.demand(each), !each.isZero else { return counts }
        let time = max(now, self.now).milliseconds
        var most = Int.max
        if let left = projects[project]?.left { most = left.minimum(time, Int64.max).count(of: room, most: Int(Room.most)) }
        for pool in pools {
            var count = 0
            for node in pool.members where nodes[Int(node)].usable {
                if let requirement, !holds(requirement, node) { continue }
                count += nodes[Int(node)].free.minimum(time, Int64.max).count(of: room, most: Int(Room.most))
            }
            counts[pool.provider.name] = min(count, most)
        }
        return counts
    }
}
