public import Model

extension Plan {
    /// The lease is over, early or late or before it began: whatever it holds is free at once. False: not known.
    @discardableResult public mutating func end(_ lease: String, now: Instant) -> Bool {
        run(to: now)
        guard let slot = index[lease] else { return false }
        let entry = entries[Int(slot)]
        if entry.phase == .running || entry.phase == .resuming {
            settleUse(slot, until: self.now.milliseconds)
            // What it really took teaches what its owner's next ones may take.
            if entry.request.kind == .bestEffort {
                var habit = habits[entry.request.owner] ?? Habit()
                habit.learn(entry.ran + max(0, self.now.milliseconds - entry.start))
                habits[entry.request.owner] = habit
            }
        }
        drop(slot)
        released = true
        return true
    }

    /// A machine is gone and nothing replaces it: its room is free.
    public mutating func release(_ lease: String, group: Int, index machine: Int, now: Instant) {
        run(to: now)
        guard let slot = index[lease], let position = position(slot, group, machine) else { return }
        record(slot)
        retake(slot) { $0.places[position] = -1 }
        released = true
    }

    private func position(_ lease: Int32, _ group: Int, _ machine: Int) -> Int? {
        let entry = entries[Int(lease)]
        guard entry.groups.indices.contains(group), (0..<entry.groups[group].count).contains(machine) else { return nil }
        let position = entry.groups[..<group].reduce(0) { $0 + $1.count } + machine
        return position < entry.places.count ? position : nil
    }

    /// Another node for a machine that failed (step 11 of the way of a request), from now to the lease's end, not on those of
    /// `avoiding`. Nil: there is no room; the machine keeps no room then.
    public mutating func replace(_ lease: String, group: Int, index machine: Int, avoiding: Set<NodeID> = [], now: Instant) -> NodeID? {
        run(to: now)
        guard let slot = index[lease], let position = position(slot, group, machine), entries[Int(slot)].holds else { return nil }
        record(slot)
        retake(slot) { $0.places[position] = -1 }
        released = true
        let entry = entries[Int(slot)]
        var one = entry.groups[group]
        one.count = 1
        var bounds = bounds(entry.request, max(self.now.milliseconds, entry.holdStart), entry.holdEnd)
        for node in avoiding { if let slot = nodeIndex[node] { bounds.avoid.insert(slot) } }
        if one.style == .apart { bounds.avoid.formUnion(entry.places.filter { $0 >= 0 }) }
        guard let places = choose([one], bounds), let place = places.first else { return nil }
        retake(slot) { $0.places[position] = place }
        return nodes[Int(place)].facts.id
    }

    /// A running lease must go to sleep because its owner says so. The room is free at the `by` of the answer; it comes back by
    /// `wake` alone. Nil: unknown, not running, or a provider under it cannot suspend.
    public mutating func suspend(_ lease: String, now: Instant) -> Action? {
        run(to: now)
        guard let slot = index[lease], [.running, .resuming].contains(entries[Int(slot)].phase) else { return nil }
        guard suspendModel(entries[Int(slot)].places) != nil else { return nil }
        record(slot)
        let entry = entries[Int(slot)]
        let by = self.now.milliseconds + suspendTime(of: entry)
        settleUse(slot, until: self.now.milliseconds)
        let ran = max(0, self.now.milliseconds - entry.start)
        retake(slot) {
            $0.ran += ran
            if $0.work < Int64.max { $0.work = max(0, $0.work - ran) }
            $0.phase = .suspending
            $0.asleep = true
            $0.holdEnd = max(by, $0.holdStart)
            $0.yieldAt = by
        }
        released = true
        if by <= self.now.milliseconds { lieDown(slot) } else { schedule(slot) }
        return .suspend(lease: lease, by: Instant(milliseconds: by))
    }

    /// A lease that its owner put to sleep may run again: it queues, and `resume` comes out of `advance`. For one that was preempted
    /// there is nothing to do. False: not known or not asleep.
    @discardableResult public mutating func wake(_ lease: String, now: Instant) -> Bool {
        run(to: now)
        guard let slot = index[lease], entries[Int(slot)].asleep else { return false }
        record(slot)
        entries[Int(slot)].asleep = false
        if entries[Int(slot)].phase == .suspended { joinQueue(slot) }
        released = true
        return true
    }

    /// A suspend is through: the rest of its time is given back.
    public mutating func suspended(_ lease: String, now: Instant) {
        run(to: now)
        guard let slot = index[lease], entries[Int(slot)].phase == .suspending else { return }
        lieDown(slot)
    }

    // MARK: change

    /// Re-times, widens or shrinks a lease: all of it, or refused with offers and nothing changed.
    public mutating func change(_ lease: String, _ change: Change, now: Instant) -> Decision {
        run(to: now)
        guard let slot = index[lease] else {
            return .refused(Refusal(reason: .invalid, message: "there is no lease \(lease)"))
        }
        let mark = mark()
        record(slot)
        if let problem = attempt(slot, change) {
            undo(to: mark)
            return .refused(problem)
        }
        settle(mark)
        released = true
        let entry = entries[Int(slot)]
        return entry.holds && !entry.promised ? .placed(placement(slot)) : .queued(expected: nil)
    }

    private mutating func attempt(_ lease: Int32, _ change: Change) -> Refusal? {
        let before = entries[Int(lease)]
        let begun = before.phase != .waiting && before.phase != .planned
        func invalid(_ message: String) -> Refusal { Refusal(reason: .invalid, message: message) }
        if change.start != nil, begun { return invalid("it has begun: its start is past") }
        if let start = change.start, start < now { return invalid("the start \(start) has passed") }
        for (group, count) in change.counts {
            guard before.groups.indices.contains(group) else { return invalid("it has no group \(group)") }
            guard count >= 0 else { return invalid("a group cannot have \(count) machines") }
        }
        if before.promised { withdraw(lease) }
        unhold(lease)
        if before.phase == .planned { unplan(lease) }
        let slot = Int(lease)
        // A new size: places go with the highest indices, and new ones are open.
        var places: [Int32] = []
        var position = 0
        for group in entries[slot].groups.indices {
            let (old, new) = (before.groups[group].count, change.counts[group] ?? before.groups[group].count)
            for machine in 0..<new where !before.places.isEmpty {
                places.append(machine < old ? before.places[position + machine] : -1)
            }
            position += old
            entries[slot].groups[group].count = new
            entries[slot].request.groups[group].count = new
        }
        guard entries[slot].machines > 0 else {
            hold(lease)
            return invalid("a lease needs at least one machine: end it instead")
        }
        entries[slot].places = places
        let start = change.start?.milliseconds ?? before.start
        let oldEnd = before.fullEnd
        let end = change.end?.milliseconds ?? (change.start == nil ? oldEnd : Entry.after(start, before.work))
        guard before.holds, !before.promised else { return requeueChanged(lease, change) }
        guard end > max(now.milliseconds, start) else { return invalid("the end must lie after the start, and not in the past") }
        entries[slot].start = start
        entries[slot].work = end == Int64.max ? Int64.max : end - start
        if before.ran == 0 { entries[slot].request.duration = end == Int64.max ? nil : end - start }
        if change.start != nil { entries[slot].request.start = change.start }
        return reseat(
            lease, begun: begun, holdFrom: begun ? before.holdStart : max(now.milliseconds, start - prepareAhead(before)), start, end)
    }

    private mutating func requeueChanged(_ lease: Int32, _ change: Change) -> Refusal? {
        if let end = change.end { entries[Int(lease)].work = max(1, end - max(now, Instant(milliseconds: entries[Int(lease)].submitted))) }
        return nil
    }

    /// Takes the changed room: begun machines stay where they are, others go wherever there is room.
    private mutating func reseat(_ lease: Int32, begun: Bool, holdFrom: Int64, _ start: Int64, _ end: Int64) -> Refusal? {
        let slot = Int(lease)
        let from = begun ? now.milliseconds : holdFrom
        guard quotaAllows(entries[slot], from, end) else { return refusedChange(lease, start) }
        entries[slot].yieldAt = nil
        entries[slot].fullEnd = end
        entries[slot].holdEnd = end
        entries[slot].holdStart = holdFrom
        if begun {
            // Those that run must be able to stay.
            var rooms: [Int32: Room] = [:]
            entries[slot].forEachRun { group, node, count in
                rooms[node] = (rooms[node] ?? .zero) + entries[slot].groups[group].room * count
            }
            for (node, room) in rooms where !nodes[Int(node)].free.has(room, from, end) {
                guard clearWay(lease, node, room, from, end) else { return refusedChange(lease, start) }
            }
            hold(lease)
            schedule(lease)
            return seatNew(lease, from, end) ? nil : refusedChange(lease, start)
        }
        entries[slot].places = []
        entries[slot].holdEnd = entries[slot].holdStart
        guard place(lease, from: start) else { return refusedChange(lease, start) }
        return nil
    }

    /// Cuts short what may be preempted on one node, until the room is there.
    private mutating func clearWay(_ lease: Int32, _ node: Int32, _ room: Room, _ from: Int64, _ end: Int64) -> Bool {
        guard !entries[Int(lease)].request.preemptible, nodes[Int(node)].firm.has(room, from, end) else { return false }
        while let time = nodes[Int(node)].free.shortfall(of: room, from: from, before: end) {
            let here = nodes[Int(node)].holders.filter { other in
                let entry = entries[Int(other)]
                return other != lease && !entry.isHard && entry.holdStart <= time && time < entry.holdEnd && canYield(other, by: time)
            }
            guard let victim = here.max(by: { entries[Int($0)].sequence < entries[Int($1)].sequence }) else { return false }
            cut(victim, at: time)
        }
        return true
    }

    /// Nodes for machines that the lease has gained.
    private mutating func seatNew(_ lease: Int32, _ from: Int64, _ end: Int64) -> Bool {
        var position = 0
        for group in entries[Int(lease)].groups.indices {
            let count = entries[Int(lease)].groups[group].count
            let open = (position..<position + count).filter { entries[Int(lease)].places[$0] < 0 }
            position += count
            guard !open.isEmpty else { continue }
            var some = entries[Int(lease)].groups[group]
            some.count = open.count
            var bounds = bounds(entries[Int(lease)].request, from, end)
            if some.style == .apart { bounds.avoid.formUnion(entries[Int(lease)].places.filter { $0 >= 0 }) }
            guard let places = choose([some], bounds) else { return false }
            retake(lease) { for (index, place) in zip(open, places) { $0.places[index] = place } }
        }
        return true
    }

    private mutating func refusedChange(_ lease: Int32, _ start: Int64) -> Refusal {
        let request = entries[Int(lease)].request
        entries[Int(lease)].holdEnd = entries[Int(lease)].holdStart
        let explanation = settings.explains ? explanation(request, max(now.milliseconds, start)) : Explanation()
        return Refusal(reason: .busy, message: "there is no room for the change", explanation: explanation)
    }
}
