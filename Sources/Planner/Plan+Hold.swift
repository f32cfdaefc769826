import Model

/// Taking room and giving it back: everything that touches the timeline goes through here.
extension Plan {
    /// Notes how the lease is, once for each batch, so that it can be undone.
    mutating func record(_ lease: Int32) {
        guard marks > 0, entries[Int(lease)].epoch != epoch else { return }
        entries[Int(lease)].epoch = epoch
        journal.append(Entryway(slot: lease, before: entries[Int(lease)]))
    }

    mutating func hold(_ lease: Int32) { apply(lease, taking: true) }
    mutating func unhold(_ lease: Int32) { apply(lease, taking: false) }

    /// Gives the room back, changes the lease, takes the room again.
    mutating func retake(_ lease: Int32, _ change: (inout Entry) -> Void) {
        unhold(lease)
        rest(lease, taking: false)
        change(&entries[Int(lease)])
        hold(lease)
        rest(lease, taking: true)
    }

    private mutating func apply(_ lease: Int32, taking: Bool) {
        let entry = entries[Int(lease)]
        guard entry.holds else { return }
        let start = max(entry.holdStart, now.milliseconds)
        let end = entry.holdEnd
        var total = Sum.zero
        let firm = entry.isHard
        entry.forEachRun { group, node, count in
            let room = entry.groups[group].room * count
            let change = taking ? Room.zero - room : room
            let slot = Int(node)
            if start < end {
                nodes[slot].free.add(change, start, end)
                if firm { nodes[slot].firm.add(change, start, end) }
            }
            if nodes[slot].usable { total = total + Sum(room) }
            if taking {
                nodes[slot].holders.append(lease)
            } else if let position = nodes[slot].holders.lastIndex(of: lease) {
                nodes[slot].holders.swapAt(position, nodes[slot].holders.count - 1)
                nodes[slot].holders.removeLast()
            }
            touch(node)
        }
        if start < end { sum.add(taking ? .zero - total : total, start, end) }
        sum.forget(before: now.milliseconds)
        if entry.request.preemptible {
            if taking {
                soft.append(lease)
            } else if let position = soft.lastIndex(of: lease) {
                soft.swapAt(position, soft.count - 1)
                soft.removeLast()
            }
        }
        charge(entry, start, end, taking: taking)
    }

    /// The project's quota follows.
    private mutating func charge(_ entry: Entry, _ start: Int64, _ end: Int64, taking: Bool) {
        guard !projects.isEmpty, projects[entry.request.project]?.left != nil, start < end else { return }
        for group in entry.groups {
            let room = group.room * group.count
            projects[entry.request.project]?.left?.add(taking ? Room.zero - room : room, start, end)
        }
        projects[entry.request.project]?.left?.forget(before: now.milliseconds)
    }

    /// What stays on the node while a lease sleeps: its disk, and its memory beside it.
    mutating func rest(_ lease: Int32, taking: Bool) {
        let entry = entries[Int(lease)]
        guard entry.resting else { return }
        entry.forEachRun(of: entry.bed) { group, node, count in
            let room = Plan.residue(entry.groups[group].room) * count
            let change = taking ? Room.zero - room : room
            nodes[Int(node)].free.add(change, now.milliseconds, Int64.max)
            nodes[Int(node)].firm.add(change, now.milliseconds, Int64.max)
            if nodes[Int(node)].usable { sum.add(Sum(change), now.milliseconds, Int64.max) }
            touch(node)
        }
    }

    static func residue(_ room: Room) -> Room {
        Room(disk: room.disk + (room.memory + 1023) / 1024)
    }

    /// Forgets the lease altogether.
    mutating func drop(_ lease: Int32) {
        record(lease)
        unhold(lease)
        rest(lease, taking: false)
        leaveQueue(lease)
        unplan(lease)
        index[entries[Int(lease)].request.id] = nil
        let (generation, epoch) = (entries[Int(lease)].generation + 1, entries[Int(lease)].epoch)
        entries[Int(lease)] = Entry(Plan.Request(id: "", groups: []))
        entries[Int(lease)].generation = generation
        entries[Int(lease)].epoch = epoch
        freeSlots.append(lease)
    }

    mutating func leaveQueue(_ lease: Int32) {
        if let position = waiting.firstIndex(of: lease) { waiting.remove(at: position) }
    }

    /// Into the queue, in the order of arrival.
    mutating func joinQueue(_ lease: Int32) {
        let key = queueKey(lease)
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if queueKey(waiting[middle]) < key { low = middle + 1 } else { high = middle }
        }
        waiting.insert(lease, at: low)
    }

    private func queueKey(_ lease: Int32) -> (Int, Int64, Int) {
        let entry = entries[Int(lease)]
        return (-entry.request.priority, entry.submitted, entry.sequence)
    }

    mutating func plan(_ lease: Int32) {
        planned[entries[Int(lease)].holdStart, default: []].append(lease)
    }

    mutating func unplan(_ lease: Int32) {
        let start = entries[Int(lease)].holdStart
        guard let here = planned[start], let position = here.firstIndex(of: lease) else { return }
        planned[start]?.remove(at: position)
        if here.count == 1 { planned[start] = nil }
    }

    /// Sets the next moment at which something happens to the lease.
    mutating func schedule(_ lease: Int32) {
        let slot = Int(lease)
        entries[slot].generation &+= 1
        let entry = entries[slot]
        let time: Int64
        switch entry.phase {
        case .planned,
            .resuming where entry.holdStart > now.milliseconds:
            time = entry.holdStart
        case .running, .resuming: time = entry.yieldAt == nil ? entry.holdEnd : max(now.milliseconds, yieldBegin(lease))
        case .suspending: time = entry.holdEnd
        case .waiting, .suspended:
            if entry.promised { time = entry.holdStart } else { time = entry.request.validUntil?.milliseconds ?? Int64.max }
        }
        let takes = entry.phase == .planned || entry.isWaiting
        if time < Int64.max { agenda.add(time, rank: takes ? 1 : 0, lease: lease, generation: entry.generation) }
        if agenda.items.count > 4096, agenda.items.count > 4 * entries.count {
            let entries = entries
            agenda.sweep { entries[Int($0.lease)].generation != $0.generation }
        }
    }
}
