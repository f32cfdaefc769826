import Model

/// Counter-offers: each is tried before it is made, so that it would be accepted as things are.
extension Plan {
    mutating func offer(_ lease: Int32, _ start: Int64, _ refusal: inout Refusal) {
        let entry = entries[Int(lease)]
        let duration = entry.request.duration
        let layer: Layer = entry.request.preemptible ? .free : .firm
        let until = Entry.after(now.milliseconds, settings.horizon)
        if entry.request.kind == .deadline {
            // What is asked for can only be later than asked for.
            let last = entry.request.deadline.map { $0.milliseconds - (duration ?? 0) } ?? start
            for time in moments(after: last, until: until, layer) where accepts(lease, at: time) {
                refusal.earliest = Instant(milliseconds: time)
                refusal.offers.append(made(.later, lease, time, duration, entry.machines))
                break
            }
        } else {
            let times = moments(after: start, until: until, layer)
            for time in times where accepts(lease, at: time) {
                refusal.offers.append(made(.later, lease, time, duration, entry.machines))
                break
            }
            if entry.request.kind == .advance { before(lease, start, layer, &refusal) }
            refusal.earliest = refusal.offers.map(\.start).min()
        }
        if entry.request.kind != .deadline {
            shorter(lease, start, layer, &refusal)
            fewer(lease, start, &refusal)
        }
        refusal.offers.sort { abs($0.start.milliseconds - start) < abs($1.start.milliseconds - start) }
    }

    /// The earliest, and the one nearest before the time asked for.
    private mutating func before(_ lease: Int32, _ start: Int64, _ layer: Layer, _ refusal: inout Refusal) {
        let entry = entries[Int(lease)]
        guard start > now.milliseconds, let duration = entry.request.duration else { return }
        // It may begin where room becomes free, or end where room is taken.
        var times = Set([now.milliseconds] + moments(after: now.milliseconds, until: start - 1, layer))
        for node in nodes where node.usable {
            let function = layer == .free ? node.free : node.firm
            function.changes(after: now.milliseconds) { time, _ in
                if time - duration > now.milliseconds, time - duration < start { times.insert(time - duration) }
                return time - duration < start && times.count < 20_000
            }
        }
        let sorted = times.sorted()
        guard let first = sorted.first(where: { accepts(lease, at: $0) }) else { return }
        refusal.offers.append(made(.earlier, lease, first, duration, entry.machines))
        if let nearest = sorted.last(where: { $0 > first && accepts(lease, at: $0) }) {
            refusal.offers.append(made(.earlier, lease, nearest, duration, entry.machines))
        }
    }

    /// The same start, as long as it goes.
    private mutating func shorter(_ lease: Int32, _ start: Int64, _ layer: Layer, _ refusal: inout Refusal) {
        let entry = entries[Int(lease)]
        let full = Entry.after(start, entry.work)
        var ends: Set<Int64> = []
        for node in nodes where node.usable {
            let function = layer == .free ? node.free : node.firm
            function.changes(after: start) { time, _ in
                if time < full { ends.insert(time) }
                return time < full && ends.count < 20_000
            }
        }
        let sorted = ends.sorted()
        var (low, high, best) = (0, sorted.count - 1, Int64?.none)
        while low <= high {
            let middle = (low + high) / 2
            if accepts(lease, at: start, duration: sorted[middle] - start) {
                best = sorted[middle]
                low = middle + 1
            } else {
                high = middle - 1
            }
        }
        if let best { refusal.offers.append(made(.shorter, lease, start, best - start, entry.machines)) }
    }

    /// As many machines as there is room for, of a lease with one group.
    private mutating func fewer(_ lease: Int32, _ start: Int64, _ refusal: inout Refusal) {
        let entry = entries[Int(lease)]
        guard entry.groups.count == 1, entry.groups[0].count > 1 else { return }
        var (low, high, best) = (1, entry.groups[0].count - 1, 0)
        while low <= high {
            let middle = (low + high) / 2
            if accepts(lease, at: start, machines: middle) {
                best = middle
                low = middle + 1
            } else {
                high = middle - 1
            }
        }
        guard best > 0 else { return }
        var offer = made(.fewer, lease, start, entry.request.duration, best)
        offer.price *= Double(best) / Double(entry.machines)
        refusal.offers.append(offer)
    }

    /// Whether the lease would be placed then: tried for real, and undone.
    private mutating func accepts(_ lease: Int32, at time: Int64, duration: Int64? = nil, machines: Int? = nil) -> Bool {
        let mark = mark()
        let (handed, waking) = (due, released)
        defer {
            undo(to: mark)
            due = handed
            released = waking
        }
        record(lease)
        if let duration { entries[Int(lease)].work = duration }
        if let machines { entries[Int(lease)].groups[0].count = machines }
        let entry = entries[Int(lease)]
        let layer: Layer = entry.request.preemptible ? .free : .firm
        let end = Entry.after(time, entry.work)
        guard quotaAllows(entry, time, end) else { return false }
        guard choose(entry.groups, bounds(entry.request, time, end, layer: layer)) != nil else { return false }
        return place(lease, from: time) && entries[Int(lease)].start == time
    }

    /// The offer with its price at the tariffs then.
    private mutating func made(_ change: Offer.Change, _ lease: Int32, _ start: Int64, _ duration: Int64?, _ machines: Int) -> Offer {
        let entry = entries[Int(lease)]
        let end = Entry.after(start, duration ?? 3_600_000)
        var price = 0.0
        if pools.contains(where: { !$0.provider.tariff.isFree }), let places = choose(entry.groups, bounds(entry.request, start, end)) {
            entry.forEachRun(of: places) { group, node, count in
                let state = nodes[Int(node)]
                let tariff = pools[state.pool].provider.tariff
                price += tariff.price(entry.groups[group].room, start, end) * state.facts.priceFactor * Double(count)
            }
        }
        return Offer(change: change, start: Instant(milliseconds: start), duration: duration, machines: machines, price: price)
    }
}
