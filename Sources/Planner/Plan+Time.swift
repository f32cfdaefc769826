public import Model

extension Plan {
    /// Moves the time on and hands out what is due.
    public mutating func advance(to time: Instant) -> [Action] {
        run(to: time)
        serve()
        let actions = due
        due = []
        return actions
    }

    /// When `advance` has something to do if nothing else happens before; nil: never.
    public var nextWake: Instant? {
        if !due.isEmpty || released { return now }
        return agenda.first.map { Instant(milliseconds: $0.time) }
    }

    /// Everything that happens up to `time`, in order.
    mutating func run(to time: Instant) {
        while let item = agenda.first, item.time <= time.milliseconds {
            _ = agenda.pop()
            let lease = Int(item.lease)
            guard entries[lease].alive, entries[lease].generation == item.generation else { continue }
            if released, item.time > now.milliseconds { serve() }
            guard entries[lease].alive, entries[lease].generation == item.generation else { continue }
            now = Instant(milliseconds: max(now.milliseconds, item.time))
            step(item.lease)
        }
        if time > now {
            if released { serve() }
            now = time
        }
    }

    /// The lease's moment has come.
    private mutating func step(_ lease: Int32) {
        record(lease)
        let entry = entries[Int(lease)]
        switch entry.phase {
        case .planned:
            unplan(lease)
            enter(lease, .running)
            due.append(.start(placement(lease)))
        case .running, .resuming:
            if entry.yieldAt != nil {
                yield(lease)
            } else {
                settleUse(lease, until: now.milliseconds)
                due.append(.end(lease: entry.request.id))
                drop(lease)
                released = true
            }
        case .suspending:
            lieDown(lease)
        case .waiting, .suspended:
            if let until = entry.request.validUntil, until <= now {
                let refusal = Refusal(reason: .tooLate, message: "there was no room for it until \(until)")
                due.append(.reject(lease: entry.request.id, refusal))
                drop(lease)
            }
            released = true
        }
    }

    /// A phase in which the room stays as it is, as far as the timeline goes.
    private mutating func enter(_ lease: Int32, _ phase: Phase) {
        entries[Int(lease)].phase = phase
        entries[Int(lease)].everStarted = true
        for node in Set(entries[Int(lease)].places) where node >= 0 { touch(node) }
        schedule(lease)
    }

    /// The lease must make room now.
    private mutating func yield(_ lease: Int32) {
        if settings.policy != .fifo, rethink(lease) { return }
        let entry = entries[Int(lease)]
        let by = Instant(milliseconds: entry.holdEnd)
        settleUse(lease, until: now.milliseconds)
        entries[Int(lease)].preemptions += 1
        let id = entry.request.id
        if suspendModel(lease) != nil {
            let ran = max(0, now.milliseconds - entry.start)
            entries[Int(lease)].ran += ran
            if entry.work < Int64.max { entries[Int(lease)].work = max(0, entry.work - ran) }
            entries[Int(lease)].phase = .suspending
            due.append(.suspend(lease: id, by: by))
            if by <= now { return lieDown(lease) }
            schedule(lease)
        } else if entry.request.onPreempt == .cancel {
            due.append(.cancel(lease: id, by: by))
            drop(lease)
        } else {
            due.append(.stop(lease: id, by: by))
            requeue(lease)
        }
    }

    /// Asleep: its room is free, what it leaves behind is held, and it queues to resume.
    mutating func lieDown(_ lease: Int32) {
        record(lease)
        unhold(lease)
        let slot = Int(lease)
        entries[slot].phase = .suspended
        entries[slot].holdStart = 0
        entries[slot].holdEnd = 0
        entries[slot].yieldAt = nil
        entries[slot].bed = entries[slot].places
        entries[slot].resting = suspendModel(entries[slot].places)?.keepsDisk ?? false
        rest(lease, taking: true)
        if !entries[slot].asleep { joinQueue(lease) }
        schedule(lease)
        released = true
    }

    /// Back to the queue from the beginning.
    mutating func requeue(_ lease: Int32) {
        record(lease)
        unhold(lease)
        rest(lease, taking: false)
        let slot = Int(lease)
        entries[slot].resting = false
        entries[slot].bed = []
        entries[slot].places = []
        entries[slot].phase = .waiting
        entries[slot].holdStart = 0
        entries[slot].holdEnd = 0
        entries[slot].yieldAt = nil
        entries[slot].ran = 0
        entries[slot].work = entries[slot].request.duration ?? Int64.max
        joinQueue(lease)
        schedule(lease)
        released = true
    }

    /// A lease is about to yield to others that start soon. Who of all should, now that more is known? Those that come may move to
    /// nodes that have become free, and those that yield are chosen anew. True: somebody else does, or nobody.
    private mutating func rethink(_ lease: Int32) -> Bool {
        guard let time = entries[Int(lease)].yieldAt, time != rebound, let coming = planned[time], !coming.isEmpty else { return false }
        rebound = time
        let yielding = soft.filter { entries[Int($0)].yieldAt == time && !entries[Int($0)].isWaiting }
        let before = (coming + soft).map { ($0, entries[Int($0)]) }
        for lease in coming { record(lease); unhold(lease); entries[Int(lease)].holdEnd = entries[Int(lease)].holdStart }
        for lease in yielding { extend(lease) }
        var moved: [Int32] = []
        var whole = true
        for lease in coming.sorted(by: { entries[Int($0)].total.cpus > entries[Int($1)].total.cpus }) {
            guard let old = before.first(where: { $0.0 == lease })?.1 else { continue }
            guard let found = makeRoom(for: lease, old.holdStart, old.holdEnd) else {
                whole = false
                break
            }
            entries[Int(lease)].places = found.places
            entries[Int(lease)].holdEnd = old.holdEnd
            hold(lease)
            if found.places != old.places { moved.append(lease) }
        }
        if !whole {
            // As it was: take all back first, so that nothing is held twice.
            for (lease, _) in before { unhold(lease); entries[Int(lease)].holdEnd = entries[Int(lease)].holdStart }
            for (lease, old) in before { restore(lease, old) }
            for lease in soft where entries[Int(lease)].yieldAt == time { schedule(lease) }
            return false
        }
        for lease in coming { schedule(lease) }
        for lease in moved { due.append(.replan(placement(lease))) }
        return entries[Int(lease)].yieldAt != time || yieldBegin(lease) > now.milliseconds
    }

    /// Adds what the lease has used to its project's account.
    func use(_ entry: Entry, until end: Int64) -> Double {
        Double(entry.total.cpus) / 1000 * Double(max(0, end - max(entry.start, entry.holdStart)))
    }

    mutating func settleUse(_ lease: Int32, until end: Int64) {
        let entry = entries[Int(lease)]
        guard !projects.isEmpty, projects[entry.request.project] != nil else { return }
        let used = use(entry, until: end)
        let now = now.milliseconds
        let halfLife = Double(max(1, settings.usageHalfLife))
        if var project = projects[entry.request.project] {
            project.used = project.used * exp2(-Double(now - project.usedAt) / halfLife) + used
            project.usedAt = now
            projects[entry.request.project] = project
        }
    }
}
