import Model

/// Making room: who suspends for whom, when, and what that takes.
extension Plan {
    /// How the lease's providers suspend; nil: one of them cannot, or the lease does not want it.
    func suspendModel(_ lease: Int32) -> SuspendModel? {
        let entry = entries[Int(lease)]
        guard entry.request.preemptible, entry.request.onPreempt == .suspend else { return nil }
        return suspendModel(entry.places)
    }

    func suspendModel(_ places: [Int32]) -> SuspendModel? {
        var slowest: SuspendModel?
        var last: Int32 = -1
        for place in places where place >= 0 && place != last {
            last = place
            guard let model = pools[nodes[Int(place)].pool].provider.suspend else { return nil }
            if slowest.map({ model.rate != 0 && ($0.rate == 0 || model.rate < $0.rate) }) ?? true { slowest = model }
        }
        return slowest
    }

    /// Milliseconds to suspend, or to resume: the slowest node, or all one after another on a shared store.
    func suspendTime(_ lease: Int32) -> Int64 {
        let entry = entries[Int(lease)]
        guard let model = suspendModel(entry.places) else { return 0 }
        if model.shared {
            var (machines, memory) = (0, Int64(0))
            for group in entry.groups {
                machines += group.count
                memory += Int64(group.room.memory) * Int64(group.count)
            }
            return model.milliseconds(machines: machines, memoryMiB: memory)
        }
        var slowest: Int64 = 0
        var perNode: [Int32: (Int, Int64)] = [:]
        var simple = true
        entry.forEachRun { group, node, count in
            let memory = Int64(entry.groups[group].room.memory) * Int64(count)
            if entry.groups.count > 1 {
                simple = false
                let before = perNode[node] ?? (0, 0)
                perNode[node] = (before.0 + count, before.1 + memory)
            }
            slowest = max(slowest, model.milliseconds(machines: count, memoryMiB: memory))
        }
        guard !simple else { return slowest }
        return perNode.values.map { model.milliseconds(machines: $0.0, memoryMiB: $0.1) }.max() ?? 0
    }

    /// When a lease that must yield has to begin with it.
    func yieldBegin(_ lease: Int32) -> Int64 {
        let entry = entries[Int(lease)]
        guard let yieldAt = entry.yieldAt else { return entry.holdEnd }
        guard suspendModel(lease) != nil else { return yieldAt }
        return yieldAt - suspendTime(lease)
    }

    /// Whether the lease can have made room by `time`.
    func canYield(_ lease: Int32, by time: Int64) -> Bool {
        let entry = entries[Int(lease)]
        switch entry.phase {
        case .running, .resuming:
            guard suspendModel(lease) != nil else { return entry.holdStart <= now.milliseconds }
            return time - suspendTime(lease) >= max(now.milliseconds, entry.start)
        case .suspending: return entry.holdEnd <= time
        case .planned: return false
        case .waiting, .suspended: return entry.promised
        }
    }

    /// Cuts the room of a lease short at `time`.
    mutating func cut(_ lease: Int32, at time: Int64) {
        record(lease)
        if entries[Int(lease)].promised { return withdraw(lease) }
        retake(lease) {
            $0.holdEnd = time
            $0.yieldAt = time
        }
        schedule(lease)
    }

    /// Gives a lease that was cut short as much of its room as is free again.
    mutating func extend(_ lease: Int32) {
        let entry = entries[Int(lease)]
        guard entry.phase == .running || entry.phase == .resuming, let yieldAt = entry.yieldAt else { return }
        var limit = entry.fullEnd
        // Mostly the room is still taken: the first node tells.
        if entry.groups.count == 1 {
            for place in entry.places where place >= 0 {
                if !entry.groups[0].room.fits(nodes[Int(place)].free.value(at: yieldAt)) { return }
            }
        }
        var rooms: [Int32: Room] = [:]
        entry.forEachRun { group, node, count in rooms[node, default: .zero] = (rooms[node] ?? .zero) + entry.groups[group].room * count }
        for (node, room) in rooms {
            if let short = nodes[Int(node)].free.shortfall(of: room, from: yieldAt, before: limit) { limit = short }
        }
        guard limit > yieldAt else { return }
        record(lease)
        retake(lease) {
            $0.holdEnd = limit
            $0.yieldAt = limit == $0.fullEnd ? nil : limit
        }
        schedule(lease)
    }

    /// Makes room for `lease` in start..<end by cutting short what may be preempted. Answers its nodes; nil, with nothing changed,
    /// where even that does not help.
    mutating func makeRoom(for lease: Int32, _ start: Int64, _ end: Int64) -> (places: [Int32], victims: [Int32])? {
        let groups = entries[Int(lease)].groups
        let request = entries[Int(lease)].request
        guard choose(groups, bounds(request, start, end, layer: .firm)) != nil else { return nil }
        let total = entries[Int(lease)].total
        var candidates = soft.filter { candidate in
            let entry = entries[Int(candidate)]
            return candidate != lease && entry.holdEnd > start && entry.holdStart < end && canYield(candidate, by: start)
        }
        candidates.sort { precedes($0, $1, needed: total) }
        let saved = candidates.map { ($0, entries[Int($0)]) }
        var victims: [Int32] = []
        var rest = candidates[...]
        let free = bounds(request, start, end)
        while true {
            // The sum tells when another look is worth while.
            if total.fits(sum.minimum(start, end)) || rest.isEmpty, let places = choose(groups, free) {
                spare(&victims, lease, places, start, end)
                return (places, victims)
            }
            guard let next = rest.popFirst() else { break }
            cut(next, at: start)
            victims.append(next)
        }
        for (victim, before) in saved where victims.contains(victim) { restore(victim, before) }
        return nil
    }

    /// Gives back to victims what the lease does not need after all, the dearest first.
    private mutating func spare(_ victims: inout [Int32], _ lease: Int32, _ places: [Int32], _ start: Int64, _ end: Int64) {
        var probe = entries[Int(lease)]
        probe.places = places
        let groups = probe.groups
        probe.forEachRun { group, node, count in nodes[Int(node)].free.add(.zero - groups[group].room * count, start, end) }
        for victim in victims.reversed() where !entries[Int(victim)].isWaiting {
            extend(victim)
            if entries[Int(victim)].yieldAt.map({ $0 > start }) ?? true { victims.removeAll { $0 == victim } }
        }
        probe.forEachRun { group, node, count in nodes[Int(node)].free.add(groups[group].room * count, start, end) }
    }

    /// Puts a lease back as it was.
    mutating func restore(_ lease: Int32, _ before: Entry) {
        unhold(lease)
        rest(lease, taking: false)
        let (generation, epoch) = (entries[Int(lease)].generation, entries[Int(lease)].epoch)
        entries[Int(lease)] = before
        entries[Int(lease)].generation = generation
        entries[Int(lease)].epoch = epoch
        hold(lease)
        rest(lease, taking: true)
        schedule(lease)
    }

    /// Who makes room first: the lowest priority, then whose delay hurts least.
    private func precedes(_ left: Int32, _ right: Int32, needed: Sum) -> Bool {
        let (a, b) = (entries[Int(left)], entries[Int(right)])
        // A promise is no work lost.
        if a.promised != b.promised { return a.promised }
        if a.request.priority != b.request.priority { return a.request.priority < b.request.priority }
        if settings.policy == .fifo { return (a.submitted, a.sequence) > (b.submitted, b.sequence) }
        let (costA, costB) = (pain(a, left, needed), pain(b, right, needed))
        return costA != costB ? costA < costB : a.sequence > b.sequence
    }

    /// The harm of a pause: small for a lease that has run long, or will (the pause is a small part of its life), and small for each
    /// node that a large one frees; large where work is lost because it cannot be suspended.
    private func pain(_ entry: Entry, _ lease: Int32, _ needed: Sum) -> Double {
        let lived = Double(entry.ran + max(0, now.milliseconds - entry.start)) + 60_000
        let frees = Double(max(1, min(entry.total.cpus, needed.cpus)))
        let lost = suspendModel(lease) == nil ? 1e6 + lived : 1
        return lost / lived / frees
    }
}
