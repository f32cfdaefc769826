import Model

/// Finding room and taking it.
extension PublishedScheduler {
    // MARK: the table

    mutating func add(_ booking: Booking) -> Int {
        let number: Int
        if let free = spare.popLast() {
            number = free
            bookings[number] = booking
        } else {
            number = bookings.count
            bookings.append(booking)
        }
        take(number)
        return number
    }

    mutating func take(_ number: Int) {
        let booking = bookings[number]
        wake(booking.start)
        guard !booking.isEmpty else { return }
        wake(booking.end)
        if booking.realEnd < booking.end { wake(booking.realEnd) }
        let soft = booking.kind == .run && !leases[booking.lease].isReservation
        let slot = Slot(start: booking.start, end: booking.end, booking: Int32(number), soft: soft, runs: booking.kind == .run)
        for node in booking.nodes {
            let position = slots[Int(node)].firstIndex { $0.start > booking.start } ?? slots[Int(node)].count
            if position > 0, slots[Int(node)][position - 1].end > booking.start { overfull += 1 }
            if position < slots[Int(node)].count, slots[Int(node)][position].start < booking.end { overfull += 1 }
            slots[Int(node)].insert(slot, at: position)
        }
        windowIsStale = true
    }

    mutating func release(_ number: Int) {
        guard !bookings[number].isEmpty else { return }
        for node in bookings[number].nodes {
            if let position = slots[Int(node)].firstIndex(where: { $0.booking == Int32(number) }) { slots[Int(node)].remove(at: position) }
        }
        windowIsStale = true
    }

    /// Until when the node is free from then on; -1: it is not. `firm`: best effort does not count.
    func freeUntil(_ node: Int, _ time: Int, firm: Bool = false) -> Int {
        for slot in slots[node] where slot.end > time && !(firm && slot.soft) {
            return slot.start <= time ? -1 : slot.start
        }
        return Self.never
    }

    private mutating func refresh() {
        guard windowIsStale else { return }
        windowIsStale = false
        window.removeAll(keepingCapacity: true)
        for node in slots.indices { window.append(freeUntil(node, now)) }
    }

    /// All processors are busy; a node that suspends or resumes something is not.
    var isFull: Bool {
        slots.allSatisfy { node in
            node.first { $0.end > now }.map { $0.start <= now && $0.runs } ?? false
        }
    }

    /// When something begins or ends, after `time`.
    private func moments(after time: Int) -> [Int] {
        var moments: Set<Int> = []
        for node in slots {
            for slot in node where slot.end > time {
                if slot.start > time { moments.insert(slot.start) }
                moments.insert(slot.end)
            }
        }
        return moments.sorted()
    }

    // MARK: best effort

    private struct Fit {
        var start: Int
        var end: Int
        var nodes: [Int32]
        var cut: Bool
    }

    /// Room in that window: for all of the time, or for as long as there are enough nodes.
    private func fit(_ window: [Int], _ machines: Int, _ start: Int, _ end: Int) -> Fit? {
        var free = 0
        var nodes: [Int32] = []
        for (node, until) in window.enumerated() where until >= 0 {
            free += 1
            if until >= end { nodes.append(Int32(node)) }
        }
        if nodes.count >= machines { return Fit(start: start, end: end, nodes: nodes, cut: false) }
        guard free >= machines, suspends else { return nil }
        // The nodes that are free longest; the one that is taken first ends the turn.
        let order = window.indices.filter { window[$0] >= 0 }.sorted { (window[$0], $0) < (window[$1], $1) }
        let longest = order[(free - machines)...]
        return Fit(start: start, end: window[order[free - machines]], nodes: longest.map { Int32($0) }.sorted(), cut: true)
    }

    /// Books a lease of the queue: now, else, where a promise is to be had, at the first moment that does.
    mutating func book(_ lease: Int) -> Bool {
        let resumes = leases[lease].state == .asleep
        let from = now + (resumes ? moveTime : 0)
        let wakes = resumes ? suspendTime : 0
        let turn = resumes ? laterTurn : firstTurn
        let machines = leases[lease].machines
        let length = leases[lease].asked + wakes
        var promised = false
        refresh()
        var found: Fit?
        if from == now {
            found = fit(window, machines, now, now + length)
        } else {
            found = fit(slots.indices.map { freeUntil($0, from) }, machines, from, from + length)
        }
        if let some = found, some.cut, some.end - some.start <= turn { found = nil }
        if found == nil {
            guard given < promises else { return false }
            for time in moments(after: from) {
                guard let some = fit(slots.indices.map { freeUntil($0, time) }, machines, time, time + length) else { continue }
                if some.cut, some.end - some.start <= turn { continue }
                found = some
                promised = true
                break
            }
        }
        guard let found else { return false }
        take(lease, found, wakes, promised)
        return true
    }

    private mutating func take(_ lease: Int, _ fit: Fit, _ wakes: Int, _ promised: Bool) {
        let resumes = leases[lease].state == .asleep
        var nodes = fit.nodes
        if resumes { nodes = SetOrder.resumeOrder(nodes, slept: leases[lease].nodes) }
        nodes = Array(nodes.prefix(leases[lease].machines))
        var end = fit.end
        var realEnd = min(fit.start + leases[lease].real + wakes, end)
        if fit.cut {
            if realEnd == end { realEnd -= suspendTime }
            end -= suspendTime
        }
        var chain: [Int] = []
        if resumes {
            let begins = fit.start
            chain.append(
                add(
                    Booking(
                        lease: lease, kind: .resume, start: begins, end: begins + wakes, realEnd: begins + wakes, nodes: nodes)))
        }
        chain.append(
            add(
                Booking(
                    lease: lease, kind: .run, start: fit.start + wakes, end: end, realEnd: realEnd, nodes: nodes, yields: fit.cut,
                    promised: promised)))
        if fit.cut {
            let gone = end + suspendTime
            chain.append(add(Booking(lease: lease, kind: .suspend, start: end, end: gone, realEnd: gone, nodes: nodes)))
        }
        leases[lease].chain = chain
        if promised { given += 1 }
        if leases[lease].state == .pending { leases[lease].state = .booked }
    }

    // MARK: reservations

    /// On free nodes first, else where best effort makes room: node by node, whoever is there.
    mutating func reserve(_ lease: Int) {
        let (machines, start) = (leases[lease].machines, max(leases[lease].start, now))
        let end = start + leases[lease].asked
        let free = slots.indices.filter { freeUntil($0, start) >= end }
        let firm = slots.indices.filter { freeUntil($0, start, firm: true) >= end }
        guard firm.count >= machines else {
            records[lease].refusal = "no room, even where best effort makes room"
            return
        }
        var nodes = Array(free.prefix(machines))
        if nodes.count < machines {
            let taken = Set(free)
            let more = firm.filter { !taken.contains($0) }.prefix(machines - nodes.count)
            var victims: [Int] = []
            for node in more {
                for slot in slots[node] where slot.soft && slot.start < end && slot.end > start {
                    let victim = bookings[Int(slot.booking)].lease
                    if !victims.contains(victim) { victims.append(victim) }
                }
            }
            for victim in victims { preempt(victim, at: start) }
            nodes += more
        }
        let run = Booking(
            lease: lease, kind: .run, start: start, end: end, realEnd: start + leases[lease].real, nodes: nodes.map { Int32($0) })
        leases[lease].chain = [add(run)]
        leases[lease].state = .booked
        records[lease].accepted = true
        register(lease)
    }

    private mutating func preempt(_ lease: Int, at time: Int) {
        let chain = leases[lease].chain
        guard let run = chain.first(where: { bookings[$0].kind == .run }) else { return }
        let isAhead = bookings[run].state == .ahead && bookings[run].start >= time
        guard suspends, !isAhead, time - bookings[run].start >= laterTurn else {
            // Back to the queue: what it did in this turn is lost.
            if bookings[run].state == .active {
                records[lease].preemptions += 1
                records[lease].pauses.append(Int64(now) * 1000)
            }
            if bookings[run].promised { given -= 1 }
            for booking in chain where bookings[booking].state != .over { release(booking) }
            if leases[lease].state != .asleep { leases[lease].state = .pending }
            spare += chain
            leases[lease].chain = []
            unbook(lease)
            enqueue(lease)
            return
        }
        for booking in chain where bookings[booking].kind == .suspend {
            release(booking)
            spare.append(booking)
        }
        leases[lease].chain.removeAll { bookings[$0].kind == .suspend }
        release(run)
        let end = time - suspendTime
        bookings[run].end = end
        bookings[run].realEnd = min(bookings[run].realEnd, end)
        bookings[run].yields = true
        take(run)
        let nodes = bookings[run].nodes
        leases[lease].chain.append(add(Booking(lease: lease, kind: .suspend, start: end, end: time, realEnd: time, nodes: nodes)))
    }
}
