public import Model

extension Plan {
    /// Why a request gets the answer it gets, or why a lease in the queue still waits: node by node, for the time it wants.
    public func explain(_ request: Request, now: Instant) -> Explanation {
        var probe = self
        probe.run(to: now)
        let start: Int64
        switch request.kind {
        case .advance: start = max(request.start?.milliseconds ?? 0, probe.now.milliseconds)
        case .deadline: start = max(request.validFrom?.milliseconds ?? 0, probe.now.milliseconds)
        case .immediate, .bestEffort: start = probe.now.milliseconds
        }
        // A lease that waits is looked at as if it asked now, without what it holds itself.
        if let lease = probe.index[request.id] { probe.drop(lease) }
        return probe.explanation(request, start)
    }

    mutating func explanation(_ request: Request, _ start: Int64) -> Explanation {
        let end = Entry.after(start, request.duration ?? Int64.max)
        var explanation = Explanation(start: Instant(milliseconds: start), end: end == Int64.max ? nil : Instant(milliseconds: end))
        refresh()
        // Who may preempt sees through those who would make room.
        let layer: Layer = request.preemptible || request.kind == .bestEffort ? .free : .firm
        let bounds = bounds(request, start, end, layer: layer)
        if let left = projects[request.project]?.left {
            explanation.quota = quotaProblem(request, left.minimum(start, end))
        }
        for (group, asked) in request.groups.enumerated() {
            for pool in order(at: start) {
                for node in pools[pool].members where nodes[Int(node)].known {
                    let verdict = verdict(node, group, asked, request, bounds)
                    if let obstacle = verdict.obstacle { explanation.summary[obstacle.name, default: 0] += 1 }
                    if explanation.verdicts.count < settings.explainedNodes { explanation.verdicts.append(verdict) }
                }
            }
        }
        return explanation
    }

    private func quotaProblem(_ request: Request, _ left: Room) -> String? {
        guard let wanted = lanes.demand(request.total) else { return nil }
        for lane in 0..<Room.lanes where wanted[lane] > left[lane] {
            let text = { (value: Int32) in lane == 0 ? Resources.decimal(Int64(value)) : String(value) }
            return
                "project \(request.project) has \(text(max(0, left[lane]))) \(lanes.name(lane)) of its quota left, \(text(wanted[lane])) are asked for"
        }
        return nil
    }

    private func verdict(_ node: Int32, _ group: Int, _ asked: Group, _ request: Request, _ bounds: Bounds) -> Explanation.Verdict {
        let state = nodes[Int(node)]
        var verdict = Explanation.Verdict(node: state.facts.id, group: group, fits: 0)
        let provider = pools[state.pool].provider
        if state.facts.state != .up {
            verdict.obstacle = .state(state.facts.state)
            return verdict
        }
        if let members = request.members, !members.contains(provider.member ?? "") {
            verdict.obstacle = .member(provider.member ?? "")
            return verdict
        }
        if let requirement = asked.requirement, let failed = requirement.conjuncts.first(where: { !holds($0, node) }) {
            verdict.obstacle = .requirement(failed.text)
            return verdict
        }
        if bounds.avoid.contains(node) {
            let here = asked.away.filter { id in index[id].map { entries[Int($0)].places.contains(node) } ?? false }.sorted()
            verdict.obstacle = .away(here.first ?? "")
            return verdict
        }
        guard let room = lanes.demand(asked.each) else {
            let strange = asked.each.named.keys.sorted().first { !lanes.names.contains($0) } ?? "named"
            verdict.obstacle = .size(resource: strange, asked: asked.each.named[strange] ?? 0, total: 0)
            return verdict
        }
        for lane in 0..<Room.lanes where room[lane] > state.capacity[lane] {
            verdict.obstacle = .size(resource: lanes.name(lane), asked: Int64(room[lane]), total: Int64(state.capacity[lane]))
            return verdict
        }
        let function = bounds.layer == .free ? state.free : state.firm
        verdict.fits = function.minimum(bounds.start, bounds.end).count(of: room, most: asked.count)
        if let time = function.shortfall(of: room, from: bounds.start, before: bounds.end) {
            let free = function.value(at: time)
            for lane in 0..<Room.lanes where room[lane] > free[lane] {
                verdict.obstacle = .room(
                    resource: lanes.name(lane), asked: Int64(room[lane]), free: Int64(free[lane]), at: Instant(milliseconds: time))
                verdict.holders = holders(node, at: time, lane: lane, layer: bounds.layer)
                break
            }
        }
        return verdict
    }

    /// Who holds most of that there and then.
    private func holders(_ node: Int32, at time: Int64, lane: Int, layer: Layer) -> [Explanation.Holder] {
        var found: [(Int32, Explanation.Holder)] = []
        for lease in Set(nodes[Int(node)].holders).sorted() {
            let entry = entries[Int(lease)]
            guard entry.holdStart <= time, time < entry.holdEnd, layer == .free || entry.isHard else { continue }
            var room = Room.zero
            entry.forEachRun { group, place, count in if place == node { room = room + entry.groups[group].room * count } }
            guard room[lane] > 0 else { continue }
            let until = entry.holdEnd == Int64.max ? nil : Instant(milliseconds: entry.holdEnd)
            found.append((room[lane], Explanation.Holder(lease: entry.request.id, takes: lanes.resources(room), until: until)))
        }
        return Array(found.sorted { $0.0 != $1.0 ? $0.0 > $1.0 : $0.1.lease < $1.1.lease }.prefix(5).map(\.1))
    }

    // MARK: refusals

    /// A request that asks for a resource that no node has.
    func never(_ request: Request) -> Refusal {
        var probe = self
        return Refusal(
            reason: .never, message: "no node has what it asks for: \(request.groups.map { $0.each.description }.joined(separator: "; "))",
            explanation: settings.explains ? probe.explanation(request, request.start?.milliseconds ?? now.milliseconds) : Explanation())
    }

    /// Why the lease, just tried in vain, has no place at that time, and where it would have one.
    mutating func refusal(_ lease: Int32, start: Int64) -> Refusal {
        let request = entries[Int(lease)].request
        let reason = reason(lease, start)
        var refusal = Refusal(reason: reason, message: "")
        if settings.explains {
            refusal.explanation = explanation(request, start)
            if reason == .busy || (reason == .quota && withinQuota(request)) { offer(lease, start, &refusal) }
        }
        refusal.message = sentence(request, refusal, start)
        return refusal
    }

    private func withinQuota(_ request: Request) -> Bool {
        guard let wanted = lanes.demand(request.total), let limit = projects[request.project].flatMap({ $0.quota.limit }) else {
            return true
        }
        return wanted.fits(Plan.limit(limit, lanes))
    }

    private mutating func reason(_ lease: Int32, _ start: Int64) -> Refusal.Reason {
        let entry = entries[Int(lease)]
        if !fitsEmpty(entry.groups, entry.request) {
            let blocked = entry.request.groups.contains { group in
                guard let requirement = group.requirement else { return false }
                return !nodes.indices.contains { nodes[$0].usable && holds(requirement, Int32($0)) }
            }
            return blocked ? .requirements : .never
        }
        if !quotaAllows(entry, start, Entry.after(start, entry.work)) { return .quota }
        return .busy
    }

    private func sentence(_ request: Request, _ refusal: Refusal, _ start: Int64) -> String {
        let what = "\(request.machineCount) \(request.machineCount == 1 ? "machine" : "machines")"
        switch refusal.reason {
        case .requirements: return "no node satisfies the requirements of its \(what)"
        case .never: return "its \(what) are more than all nodes together can take, even when empty"
        case .quota: return refusal.explanation.quota ?? "the quota of project \(request.project) does not allow its \(what) then"
        default:
            let when = start <= now.milliseconds ? "now" : "at \(Instant(milliseconds: start))"
            let then = refusal.earliest.map { "; the earliest time is \($0)" } ?? ""
            return "there is no room for its \(what) \(when)" + then
        }
    }
}

extension Explanation.Verdict.Obstacle {
    /// A short name to count by.
    public var name: String {
        switch self {
        case .state(let state): state.rawValue
        case .member: "member"
        case .requirement: "requirement"
        case .away: "away"
        case .size(let resource, _, _): "size \(resource)"
        case .room(let resource, _, _, _): "room \(resource)"
        }
    }
}
