import Model

/// What begins and what ends.
extension PublishedScheduler {
    /// Ends first, then starts: of those that were to start before anything ended.
    mutating func step() {
        var starting: [Int] = []
        var ending: [Int] = []
        for lease in booked {
            if leases[lease].chain.contains(where: { bookings[$0].start == now && bookings[$0].state == .ahead }) { starting.append(lease) }
            if leases[lease].chain.contains(where: { ends($0) }) { ending.append(lease) }
        }
        for lease in ending {
            for booking in leases[lease].chain where ends(booking) {
                release(booking)
                switch bookings[booking].kind {
                case .run: endRun(lease, booking)
                case .suspend: fallAsleep(lease, booking)
                case .resume: bookings[booking].state = .over
                }
            }
        }
        for lease in starting {
            for booking in leases[lease].chain where bookings[booking].start == now && bookings[booking].state == .ahead {
                begin(lease, booking)
            }
        }
        if !ending.isEmpty { windowIsStale = true }
    }

    private func ends(_ booking: Int) -> Bool {
        bookings[booking].state == .active && (bookings[booking].end == now || bookings[booking].realEnd == now)
    }

    private mutating func begin(_ lease: Int, _ booking: Int) {
        bookings[booking].state = .active
        let moment = Int64(now) * 1000
        switch bookings[booking].kind {
        case .run:
            if records[lease].start == nil { records[lease].start = moment }
            records[lease].begins.append(moment)
            records[lease].turns.append(bookings[booking].nodes.map { Int($0) })
            leases[lease].state = .active
        case .resume: if bookings[booking].isEmpty { bookings[booking].state = .over }
        case .suspend: if bookings[booking].isEmpty { fallAsleep(lease, booking) }
        }
    }

    private mutating func fallAsleep(_ lease: Int, _ booking: Int) {
        leases[lease].state = .asleep
        leases[lease].nodes = bookings[booking].nodes
        forget(lease)
        unbook(lease)
        enqueue(lease)
    }

    private mutating func endRun(_ lease: Int, _ booking: Int) {
        let run = bookings[booking]
        let early = run.realEnd < run.end
        let ran = now - run.start
        busy += Double(ran) * Double(run.nodes.count) * 1000 * records[lease].job.each.cpus
        records[lease].ran += Int64(ran) * 1000
        if !leases[lease].isReservation {
            leases[lease].asked -= ran
            leases[lease].real -= ran
        }
        bookings[booking].state = .over
        // The promise is used up only now, when the lease that had it is through.
        if run.promised { given -= 1 }
        if !run.yields || early {
            records[lease].end = Int64(now) * 1000
            leases[lease].state = .over
            for other in leases[lease].chain where other != booking && bookings[other].state == .ahead { release(other) }
            forget(lease)
            unbook(lease)
        } else {
            records[lease].preemptions += 1
            records[lease].pauses.append(Int64(now) * 1000)
        }
        if early { slideBack(run.nodes) }
    }

    private mutating func forget(_ lease: Int) {
        spare += leases[lease].chain
        leases[lease].chain = []
    }

    /// Where a job ended before its time, what is promised on its nodes moves forward if it can do so without changing nodes.
    private mutating func slideBack(_ nodes: [Int32]) {
        let here = Set(nodes)
        for lease in booked where !leases[lease].isReservation {
            guard let first = leases[lease].chain.first, bookings[first].state == .ahead, bookings[first].start > now else { continue }
            if bookings[first].nodes.contains(where: { here.contains($0) }) { slide(lease) }
        }
    }

    private mutating func slide(_ lease: Int) {
        let chain = leases[lease].chain
        let start = bookings[chain[0]].start
        let nodes = bookings[chain[0]].nodes
        var moments: Set<Int> = [now]
        for node in nodes {
            for slot in slots[Int(node)] {
                for time in [slot.start, slot.end] where now < time && time < start { moments.insert(time) }
            }
        }
        guard let earlier = moments.sorted().first(where: { time in nodes.allSatisfy { freeUntil(Int($0), time) >= start } }) else {
            return
        }
        let shift = start - earlier
        for booking in chain where bookings[booking].kind != .suspend {
            release(booking)
            bookings[booking].start -= shift
            if bookings[booking].kind == .resume {
                bookings[booking].end -= shift
                bookings[booking].realEnd -= shift
            }
        }
        guard let run = chain.first(where: { bookings[$0].kind == .run }) else { return }
        let begins = bookings[run].start
        if let suspend = chain.first(where: { bookings[$0].kind == .suspend }) {
            if bookings[run].end - begins < leases[lease].asked {
                if begins + leases[lease].real < bookings[run].end { bookings[run].realEnd = begins + leases[lease].real }
            } else {
                bookings[run].end = begins + leases[lease].asked
                bookings[run].realEnd = min(begins + leases[lease].real, bookings[run].end)
                bookings[run].yields = false
                release(suspend)
                leases[lease].chain.removeAll { $0 == suspend }
                spare.append(suspend)
            }
        } else {
            bookings[run].end -= shift
            bookings[run].realEnd -= shift
        }
        for booking in leases[lease].chain where bookings[booking].kind != .suspend { take(booking) }
    }
}
