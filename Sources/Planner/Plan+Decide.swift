public import Model

extension Plan {
    /// Places, queues or refuses. What it places holds its room at once. An id that the plan knows already is refused as `invalid`.
    public mutating func decide(_ request: Request, now: Instant) -> Decision {
        run(to: now)
        if let refusal = check(request) { return .refused(refusal) }
        guard let lease = enter(request) else { return .refused(never(request)) }
        switch request.kind {
        case .bestEffort: return queue(lease)
        case .immediate: return settle(lease, place(lease, from: self.now.milliseconds))
        case .advance: return settle(lease, place(lease, from: request.start?.milliseconds ?? 0))
        case .deadline: return settle(lease, placeByDeadline(lease))
        }
    }

    /// The same answer with nothing kept: `lease.create` with `dry_run`.
    public mutating func tryOut(_ request: Request, now: Instant) -> Decision {
        run(to: now)
        let (before, waking) = (due, released)
        let mark = mark()
        let decision = decide(request, now: now)
        undo(to: mark)
        due = before
        released = waking
        return decision
    }

    /// What is wrong with the request itself.
    private func check(_ request: Request) -> Refusal? {
        func invalid(_ message: String) -> Refusal { Refusal(reason: .invalid, message: message) }
        if index[request.id] != nil { return invalid("there is a lease \(request.id) already") }
        if request.groups.isEmpty || request.groups.contains(where: { $0.count < 1 }) {
            return invalid("a lease needs at least one machine")
        }
        if request.groups.contains(where: { $0.each.amounts.contains { $0.1 < 0 } }) {
            return invalid("a machine cannot take less than nothing")
        }
        if let duration = request.duration, duration <= 0 { return invalid("the duration must be more than nothing") }
        switch request.kind {
        case .advance:
            guard let start = request.start else { return invalid("an advance lease needs a start") }
            guard request.duration != nil else { return invalid("an advance lease needs a duration") }
            if start < now { return Refusal(reason: .tooLate, message: "the start \(start) has passed") }
        case .deadline:
            guard let deadline = request.deadline else { return invalid("a deadline lease needs a deadline") }
            guard let duration = request.duration else { return invalid("a deadline lease needs a duration") }
            if deadline - max(now, request.validFrom ?? now) < duration {
                return Refusal(reason: .tooLate, message: "its \(duration / 1000) s do not fit before the deadline \(deadline)")
            }
        case .immediate, .bestEffort:
            if let until = request.validUntil, until <= now { return Refusal(reason: .tooLate, message: "it was valid until \(until)") }
        }
        return nil
    }

    /// Gives the request a slot; nil where it asks for a resource that no node has.
    mutating func enter(_ request: Request) -> Int32? {
        var entry = Entry(request)
        for group in request.groups {
            guard let room = lanes.demand(group.each) else { return nil }
            entry.groups.append(Entry.Group(room: room, count: group.count, style: group.style, filter: filter(group.requirement)))
        }
        entry.alive = true
        entry.work = request.duration ?? Int64.max
        entry.submitted = (request.submitted ?? now).milliseconds
        sequence += 1
        entry.sequence = sequence
        let slot: Int32
        if let free = freeSlots.popLast() {
            slot = free
            entry.generation = entries[Int(slot)].generation
            entries[Int(slot)] = entry
        } else {
            slot = Int32(entries.count)
            entries.append(entry)
        }
        index[request.id] = slot
        if marks > 0 {
            entries[Int(slot)].epoch = epoch
            journal.append(Entryway(slot: slot, before: nil))
        }
        return slot
    }

    private mutating func queue(_ lease: Int32) -> Decision {
        let request = entries[Int(lease)].request
        // What cannot be served even when all is empty would wait for ever.
        guard possible(lease) else {
            let refusal = refusal(lease, start: now.milliseconds)
            drop(lease)
            return .refused(refusal)
        }
        joinQueue(lease)
        schedule(lease)
        let handed = due.count
        arrive(lease)
        serve()
        let entry = entries[Int(lease)]
        guard entry.alive, entry.request.id == request.id else { return .queued(expected: nil) }
        if entry.phase == .running {
            // This answer is the start: `advance` must not say it again.
            if let position = due[min(handed, due.count)...].firstIndex(where: {
                if case .start(let placement) = $0 { placement.lease == request.id } else { false }
            }) {
                due.remove(at: position)
            }
            return .placed(placement(lease))
        }
        return .queued(expected: entry.promised ? Instant(milliseconds: entry.holdStart) : nil)
    }

    /// Whether it fits when everything is empty (as far as one look can tell) and its quota would ever allow it.
    private mutating func possible(_ lease: Int32) -> Bool {
        let entry = entries[Int(lease)]
        if let limit = projects[entry.request.project]?.quota.limit, !entry.request.total.fits(in: quotaCovers(limit, entry.request.total))
        {
            return false
        }
        // Enough at some later time: after everything that has an end.
        if choose(entry.groups, bounds(entry.request, now.milliseconds, now.milliseconds + 1)) != nil { return true }
        return fitsEmpty(entry.groups, entry.request)
    }

    /// A quota limits what it names; what it leaves at zero is not limited.
    private func quotaCovers(_ limit: Resources, _ asked: Resources) -> Resources {
        Resources(
            milliCPUs: limit.milliCPUs == 0 ? asked.milliCPUs : limit.milliCPUs,
            memoryMiB: limit.memoryMiB == 0 ? asked.memoryMiB : limit.memoryMiB,
            diskGiB: limit.diskGiB == 0 ? asked.diskGiB : limit.diskGiB, machines: limit.machines == 0 ? asked.machines : limit.machines,
            named: asked.named.merging(limit.named) { $1 == 0 ? $0 : $1 })
    }

    /// Whether the groups fit into the nodes with nobody else there.
    mutating func fitsEmpty(_ groups: [Entry.Group], _ request: Request) -> Bool {
        refresh()
        var left: [Int32: Room] = [:]
        let bounds = bounds(request, now.milliseconds, Int64.max)
        for group in groups {
            var missing = group.count
            for pool in pools.indices where missing > 0 {
                if let members = request.members, !members.contains(pools[pool].provider.member ?? "") { continue }
                for (position, node) in pools[pool].members.enumerated() where missing > 0 {
                    guard nodes[Int(node)].usable, !bounds.avoid.contains(node) else { continue }
                    if group.filter >= 0, filters[group.filter].bits[pool][position / 64] >> UInt64(position % 64) & 1 == 0 { continue }
                    let room = left[node] ?? nodes[Int(node)].capacity
                    let count = room.count(of: group.room, most: group.style == .apart ? 1 : missing)
                    guard count > 0 else { continue }
                    missing -= count
                    left[node] = room - group.room * count
                }
            }
            if missing > (request.atomic ? 0 : group.count - 1) { return false }
        }
        return true
    }

    private mutating func settle(_ lease: Int32, _ placed: Bool) -> Decision {
        if placed { return .placed(placement(lease)) }
        let refusal = refusal(lease, start: entries[Int(lease)].request.start?.milliseconds ?? now.milliseconds)
        drop(lease)
        return .refused(refusal)
    }

    /// Places a lease at that time, for certain: on what is free, else on what may be preempted.
    mutating func place(_ lease: Int32, from start: Int64) -> Bool {
        let entry = entries[Int(lease)]
        let end = Entry.after(start, entry.work)
        guard quotaAllows(entry, start, end) else { return false }
        let ahead = prepareAhead(entry)
        let early = max(now.milliseconds, start - ahead)
        if early < start, let places = look(lease, early, end) { return take(lease, places, early, start, end) }
        if let places = look(lease, start, end) { return take(lease, places, start, start, end) }
        // Promises to the queue are no guarantee.
        let promised = waiting.filter { entries[Int($0)].promised && entries[Int($0)].holdStart < end }
        if !promised.isEmpty {
            for other in promised { withdraw(other) }
            if let places = look(lease, start, end) { return take(lease, places, start, start, end) }
        }
        guard !entry.request.preemptible, !soft.isEmpty else { return false }
        if let found = makeRoom(for: lease, start, end) { return take(lease, found.places, start, start, end) }
        // Now, but those who must go need a moment to suspend.
        guard start <= now.milliseconds else { return false }
        let lead = soft.filter { entries[Int($0)].phase == .running && suspendModel($0) != nil }.map { suspendTime($0) }.max() ?? 0
        guard lead > 0 else { return false }
        let later = start + lead
        guard quotaAllows(entry, later, Entry.after(later, entry.work)),
            let found = makeRoom(for: lease, later, Entry.after(later, entry.work))
        else { return false }
        return take(lease, found.places, later, later, Entry.after(later, entry.work))
    }

    private mutating func look(_ lease: Int32, _ start: Int64, _ end: Int64) -> [Int32]? {
        let entry = entries[Int(lease)]
        var bounds = bounds(entry.request, start, end)
        bounds.partial = !entry.request.atomic
        // The sum over all nodes says at once that there is too little.
        if entry.request.atomic, !entry.total.fits(sum.value(at: start)) { return nil }
        return choose(entry.groups, bounds)
    }

    func prepareAhead(_ entry: Entry) -> Int64 {
        guard entry.request.kind == .advance || entry.request.kind == .deadline else { return 0 }
        return entry.request.prepareAhead ?? pools.map(\.provider.bootMilliseconds).max() ?? 0
    }

    private mutating func take(_ lease: Int32, _ places: [Int32], _ hold: Int64, _ start: Int64, _ end: Int64) -> Bool {
        record(lease)
        let slot = Int(lease)
        entries[slot].places = places
        entries[slot].holdStart = hold
        entries[slot].holdEnd = end
        entries[slot].fullEnd = end
        entries[slot].start = start
        if hold <= now.milliseconds {
            entries[slot].phase = .running
            entries[slot].everStarted = true
        } else {
            entries[slot].phase = .planned
            plan(lease)
        }
        self.hold(lease)
        schedule(lease)
        return true
    }

    /// The earliest time that leaves the lease done by its deadline.
    private mutating func placeByDeadline(_ lease: Int32) -> Bool {
        let entry = entries[Int(lease)]
        guard let deadline = entry.request.deadline, let duration = entry.request.duration else { return false }
        let first = max(now.milliseconds, entry.request.validFrom?.milliseconds ?? 0)
        let last = deadline.milliseconds - duration
        for layer in entry.request.preemptible ? [Layer.free] : [.free, .firm] {
            for time in [first] + moments(after: first, until: last, layer) {
                guard time <= last, choose(entry.groups, bounds(entry.request, time, time + duration, layer: layer)) != nil else {
                    continue
                }
                if place(lease, from: time), entries[Int(lease)].start + duration <= deadline.milliseconds { return true }
                if entries[Int(lease)].holds { unplace(lease) }
            }
        }
        return false
    }

    mutating func unplace(_ lease: Int32) {
        unplan(lease)
        unhold(lease)
        entries[Int(lease)].holdStart = 0
        entries[Int(lease)].holdEnd = 0
        entries[Int(lease)].places = []
        entries[Int(lease)].phase = .waiting
        released = true
    }

    /// When room becomes free, in order; at most a few thousand moments.
    func moments(after start: Int64, until end: Int64, _ layer: Layer) -> [Int64] {
        var times: Set<Int64> = []
        for node in nodes where node.usable {
            let function = layer == .free ? node.free : node.firm
            var before = function.value(at: start)
            function.changes(after: start) { time, value in
                if !value.fits(before) { times.insert(time) }
                before = value
                return time <= end
            }
            if times.count > 20_000 { break }
        }
        for project in projects.values {
            project.left?.changes(after: start) { time, _ in
                times.insert(time)
                return time <= end
            }
        }
        return times.filter { $0 > start && $0 <= end }.sorted()
    }

    /// A lease's place as others see it.
    func placement(_ lease: Int32) -> Placement {
        let entry = entries[Int(lease)]
        var machines: [Placement.Machine] = []
        machines.reserveCapacity(entry.places.count)
        var (position, missing, price) = (0, 0, 0.0)
        let end = entry.fullEnd == Int64.max ? entry.start + 3_600_000 : entry.fullEnd
        for (group, plan) in entry.groups.enumerated() {
            for machine in 0..<plan.count {
                let place = position < entry.places.count ? entry.places[position] : -1
                position += 1
                guard place >= 0 else {
                    missing += 1
                    continue
                }
                let node = nodes[Int(place)]
                machines.append(Placement.Machine(group: group, index: machine, node: node.facts.id))
                let tariff = pools[node.pool].provider.tariff
                if !tariff.isFree { price += tariff.price(plan.room, entry.start, end) * node.facts.priceFactor }
            }
        }
        return Placement(
            lease: entry.request.id, start: Instant(milliseconds: entry.start),
            end: entry.fullEnd == Int64.max ? nil : Instant(milliseconds: entry.fullEnd), prepare: Instant(milliseconds: entry.holdStart),
            machines: machines, missing: missing, price: price, preempts: entry.holdStart >= now.milliseconds ? victims(entry) : [])
    }

    /// Who must yield for this one.
    private func victims(_ entry: Entry) -> [String] {
        guard entry.isHard, !soft.isEmpty else { return [] }
        var here: Set<Int32> = []
        for place in entry.places where place >= 0 { here.insert(place) }
        return soft.filter { other in
            let other = entries[Int(other)]
            return other.yieldAt == entry.holdStart && other.places.contains { here.contains($0) }
        }.map { entries[Int($0)].request.id }
    }
}
