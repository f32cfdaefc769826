import Model

/// The queue: who is served in which order, who starts, who gets a promise.
extension Plan {
    struct Fit {
        var places: [Int32]
        var end: Int64
        /// It must yield at `end`, before its time is up.
        var cut: Bool
        /// Milliseconds until it runs: to resume, and to move before that.
        var wake: Int64 = 0
    }

    /// Looks through the queue: what fits starts, and the first ones that do not get a promised start, which those behind them may not
    /// delay.
    mutating func serve() {
        guard released else { return }
        // Promises that are taken back here are given anew here.
        defer { released = false }
        extendCuts()
        guard !waiting.isEmpty else { return }
        for lease in waiting where entries[Int(lease)].promised { withdraw(lease) }
        var promises = settings.backfill.limit
        for lease in serviceOrder() {
            if full, promises == 0 { break }
            if begin(lease) { continue }
            if settings.backfill == .off { break }
            if promises > 0, promise(lease) { promises -= 1 }
        }
    }

    /// One that has just come: nobody before it can start, or they would have.
    mutating func arrive(_ lease: Int32) {
        if released { return serve() }
        if settings.backfill == .off, waiting.count > 1 { return }
        if !full, begin(lease) { return }
        let promised = waiting.reduce(0) { $0 + (entries[Int($1)].promised ? 1 : 0) }
        if promised < settings.backfill.limit, promise(lease) { return }
        // It may be ahead of one that has a promise.
        if settings.policy != .fifo, promised > 0 { released = true }
    }

    /// Nothing is free at this moment.
    private var full: Bool {
        let free = sum.value(at: now.milliseconds)
        return free.cpus <= 0 || free.machines <= 0 || free.memory <= 0
    }

    private func serviceOrder() -> [Int32] {
        let order = waiting.filter { entries[Int($0)].isWaiting }
        guard settings.policy != .fifo || !projects.isEmpty, order.count > 1 else { return order }
        return order.map { ($0, urgency($0)) }.sorted { left, right in
            let (a, b) = (entries[Int(left.0)], entries[Int(right.0)])
            if a.request.priority != b.request.priority { return a.request.priority > b.request.priority }
            return left.1 != right.1 ? left.1 > right.1 : a.sequence < b.sequence
        }.map(\.0)
    }

    /// Room that was cut short and is free again goes back to those it was taken from.
    private mutating func extendCuts() {
        for lease in soft where entries[Int(lease)].yieldAt != nil { extend(lease) }
    }

    /// Starts or resumes a lease now if it fits.
    mutating func begin(_ lease: Int32) -> Bool {
        let slot = Int(lease)
        let whole = entries[slot].request.atomic || entries[slot].phase != .waiting
        // The sum over all nodes says at once that there is too little: most of a long queue stops here.
        if whole, !entries[slot].total.fits(sum.value(at: now.milliseconds)) { return false }
        guard entries[slot].isWaiting, entries[slot].request.validFrom.map({ $0 <= now }) ?? true else { return false }
        guard whole else { return beginPart(lease) }
        guard let fit = fit(lease, at: now.milliseconds) else { return false }
        start(lease, fit)
        return true
    }

    /// Nodes for a lease from the queue from `time` on: for all of its time, or, where it can be suspended, until somebody who was
    /// promised the room comes, if that is worth the trouble.
    mutating func fit(_ lease: Int32, at time: Int64) -> Fit? {
        let entry = entries[Int(lease)]
        let wake = entry.phase == .suspended ? suspendTime(lease) : 0
        let move = entry.phase == .suspended ? moveTime(of: entry) : 0
        var end = Entry.after(time + wake, entry.work)
        if let places = seats(lease, time, end), quotaAllows(entry, time, end) {
            guard move > 0, places != entry.bed else { return Fit(places: places, end: end, cut: false, wake: wake) }
            end = Entry.after(time + wake + move, entry.work)
            if let places = seats(lease, time, end), quotaAllows(entry, time, end) {
                return Fit(places: places, end: end, cut: false, wake: wake + move)
            }
        }
        guard entry.request.preemptible, entry.request.onPreempt == .suspend else { return nil }
        // Until when are the nodes free that are free now? The room of the lease shrinks with time, so halving finds the latest end.
        var ends: [Int64] = []
        for pool in poolOrder {
            guard pools[pool].provider.suspend != nil else { continue }
            for group in entry.groups {
                gather(pool, group, time, end, &ends)
            }
        }
        guard !ends.isEmpty else { return nil }
        ends.sort()
        var unique: [Int64] = []
        for end in ends where unique.last != end { unique.append(end) }
        var best: Fit?
        var (low, high) = (0, unique.count - 1)
        while low <= high {
            let middle = (low + high) / 2
            if let places = seats(lease, time, unique[middle]), quotaAllows(entry, time, unique[middle]) {
                best = Fit(places: places, end: unique[middle], cut: true, wake: move > 0 && places != entry.bed ? wake + move : wake)
                low = middle + 1
            } else {
                high = middle - 1
            }
        }
        guard let best, suspendModel(best.places) != nil else { return nil }
        var probe = entry
        probe.places = best.places
        let pause = max(suspendTime(of: probe), 0)
        guard best.end - pause - (time + best.wake) >= max(1, 2 * pause) else { return nil }
        return best
    }

    private func gather(_ pool: Int, _ group: Entry.Group, _ time: Int64, _ end: Int64, _ ends: inout [Int64]) {
        if time <= now.milliseconds {
            var position = 0
            while let next = pools[pool].present.next(from: position, group.room, []) {
                if let short = nodes[Int(pools[pool].members[next])].free.shortfall(of: group.room, from: time, before: end) {
                    if short > time { ends.append(short) }
                }
                position = next + 1
            }
            return
        }
        for node in pools[pool].members where nodes[Int(node)].usable {
            if let short = nodes[Int(node)].free.shortfall(of: group.room, from: time, before: end), short > time { ends.append(short) }
        }
    }

    func suspendTime(of entry: Entry) -> Int64 {
        guard let model = suspendModel(entry.places) else { return 0 }
        var (slowest, machines, memory) = (Int64(0), 0, Int64(0))
        entry.forEachRun { group, _, count in
            let here = Int64(entry.groups[group].room.memory) * Int64(count)
            slowest = max(slowest, model.milliseconds(machines: count, memoryMiB: here))
            machines += count
            memory += here
        }
        return model.shared ? model.milliseconds(machines: machines, memoryMiB: memory) : slowest
    }

    /// How long what sleeps takes to another node.
    func moveTime(of entry: Entry) -> Int64 {
        guard let model = suspendModel(entry.places), model.moveRate > 0 else { return 0 }
        var slowest: Int64 = 0
        entry.forEachRun { group, _, count in
            let memory = Int64(entry.groups[group].room.memory) * Int64(count)
            slowest = max(slowest, model.moveMilliseconds(machines: count, memoryMiB: memory))
        }
        return slowest
    }

    /// The nodes for a lease: any, or those it sleeps on where it cannot resume elsewhere.
    private mutating func seats(_ lease: Int32, _ start: Int64, _ end: Int64) -> [Int32]? {
        let entry = entries[Int(lease)]
        guard entry.phase == .suspended, !entry.bed.isEmpty else {
            return choose(entry.groups, bounds(entry.request, start, end))
        }
        rest(lease, taking: false)
        defer { rest(lease, taking: true) }
        if inBed(entry, start, end) { return entry.bed }
        guard let model = suspendModel(entry.bed), model.resumesElsewhere else { return nil }
        var bounds = bounds(entry.request, start, end)
        // It resumes at the provider that has its memory.
        let home = pools[nodes[Int(entry.bed[0])].pool].provider.name
        for pool in pools where pool.provider.name != home && pools.count > 1 { bounds.avoid.formUnion(pool.members) }
        return choose(entry.groups, bounds)
    }

    private func inBed(_ entry: Entry, _ start: Int64, _ end: Int64) -> Bool {
        var rooms: [Int32: Room] = [:]
        entry.forEachRun(of: entry.bed) { group, node, count in
            rooms[node] = (rooms[node] ?? .zero) + entry.groups[group].room * count
        }
        return rooms.allSatisfy { node, room in nodes[Int(node)].usable && nodes[Int(node)].free.has(room, start, end) }
    }

    func quotaAllows(_ entry: Entry, _ start: Int64, _ end: Int64) -> Bool {
        guard !projects.isEmpty, let left = projects[entry.request.project]?.left else { return true }
        let total = entry.groups.reduce(Room.zero) { $0 + $1.room * $1.count }
        return left.has(total, start, end)
    }

    /// Puts a lease from the queue to work.
    mutating func start(_ lease: Int32, _ fit: Fit) {
        record(lease)
        leaveQueue(lease)
        let resumes = entries[Int(lease)].phase == .suspended
        let wake = fit.wake
        rest(lease, taking: false)
        let now = now.milliseconds
        let slot = Int(lease)
        entries[slot].resting = false
        entries[slot].bed = []
        entries[slot].phase = resumes && wake > 0 ? .resuming : .running
        entries[slot].everStarted = true
        entries[slot].places = fit.places
        entries[slot].holdStart = now
        entries[slot].start = now + wake
        entries[slot].fullEnd = Entry.after(now + wake, entries[slot].work)
        entries[slot].holdEnd = fit.end
        entries[slot].yieldAt = fit.cut ? fit.end : nil
        hold(lease)
        schedule(lease)
        due.append(resumes ? .resume(placement(lease)) : .start(placement(lease)))
    }

    /// Promises the first time at which the lease fits.
    private mutating func promise(_ lease: Int32) -> Bool {
        let entry = entries[Int(lease)]
        guard entry.isWaiting, let found = firstFit(lease, after: now.milliseconds, tries: 64) else { return false }
        record(lease)
        let slot = Int(lease)
        entries[slot].promised = true
        entries[slot].places = found.fit.places
        entries[slot].holdStart = found.time
        entries[slot].holdEnd = found.fit.end
        hold(lease)
        schedule(lease)
        return true
    }

    /// The first later moment at which the lease fits, looking only where something changes.
    private mutating func firstFit(_ lease: Int32, after start: Int64, tries: Int) -> (time: Int64, fit: Fit)? {
        let entry = entries[Int(lease)]
        let total = entry.total
        var times: [Int64] = []
        var before = sum.value(at: start)
        let until = Entry.after(start, settings.horizon)
        sum.changes(after: start) { time, value in
            // Only where something becomes free, and then enough of it.
            if total.fits(value), !(value.fits(before)) { times.append(time) }
            before = value
            return times.count < tries && time < until
        }
        if let from = entry.request.validFrom?.milliseconds, from > start { times.append(from); times.sort() }
        for time in times where time >= entry.request.validFrom?.milliseconds ?? time {
            if let fit = fit(lease, at: time) { return (time, fit) }
        }
        return nil
    }

    /// Takes a promise back: the lease waits as before.
    mutating func withdraw(_ lease: Int32) {
        record(lease)
        unhold(lease)
        let slot = Int(lease)
        entries[slot].promised = false
        entries[slot].places = entries[slot].bed
        entries[slot].holdStart = 0
        entries[slot].holdEnd = 0
        released = true
        schedule(lease)
    }

    /// Starts what fits of a lease that need not be whole.
    private mutating func beginPart(_ lease: Int32) -> Bool {
        let entry = entries[Int(lease)]
        let end = Entry.after(now.milliseconds, entry.work)
        var bounds = bounds(entry.request, now.milliseconds, end)
        bounds.partial = true
        guard let places = choose(entry.groups, bounds), quotaAllows(entry, now.milliseconds, end) else { return false }
        start(lease, Fit(places: places, end: end, cut: false))
        return true
    }

    // MARK: order

    /// Who is served first. Fair share: age counts as many seconds as a lease waits, and what a project has used beyond its share
    /// counts against it.
    private func urgency(_ lease: Int32) -> Double {
        let entry = entries[Int(lease)]
        let waited = Double(now.milliseconds - entry.submitted) / 1000
        var score: Double
        switch settings.policy {
        case .fifo: score = waited
        case .balanced:
            let left = max(10, Double(expected(entry)) / 1000)
            score = (waited + left) / left
            // Nobody waits for ever: past its patience (a week, and twice its time) a lease goes before all that still have some, the oldest first.
            let patience = 604_800 + 2 * Double(entry.work == Int64.max ? 0 : entry.work) / 1000
            if waited > patience { score = 1e9 + waited }
        }
        if let share = overuse(entry.request.project) { score -= share * (settings.policy == .fifo ? 86_400 : 10) }
        return score
    }

    /// What the lease will likely take: what its owner's leases took lately, no more than was asked for.
    func expected(_ entry: Entry) -> Int64 {
        let asked = entry.work == Int64.max ? 30 * 86_400_000 : entry.work
        guard entry.ran == 0, let typical = habits[entry.request.owner]?.typical else { return asked }
        return min(asked, max(typical, 1000))
    }

    /// How much more than its share of all fading use a project has had, as a part of the whole; nil without shares.
    private func overuse(_ project: String) -> Double? {
        guard projects.count > 1 else { return nil }
        let shares = projects.values.reduce(0) { $0 + $1.quota.share }
        let uses = projects.values.map { fading($0) }
        let all = uses.reduce(0, +)
        guard all > 0, shares > 0 else { return 0 }
        let mine = projects[project] ?? Project()
        return fading(mine) / all - mine.quota.share / shares
    }

    private func fading(_ project: Project) -> Double {
        project.used * exp2(-Double(now.milliseconds - project.usedAt) / Double(max(1, settings.usageHalfLife)))
    }
}

/// 2 to the power of a number that is at most 0, without a C library: the fraction by its series, the rest by halving.
func exp2(_ power: Double) -> Double {
    guard power > -1000 else { return 0 }
    let whole = power.rounded(.down)
    let x = (power - whole) * 0.693147180559945309
    var (sum, term) = (1.0, 1.0)
    for n in 1..<14 {
        term *= x / Double(n)
        sum += term
    }
    return sum * Double(sign: .plus, exponent: Int(whole), significand: 1)
}
