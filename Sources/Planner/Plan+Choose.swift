import Model

/// Which of the two timelines a choice is made in.
enum Layer: Sendable {
    /// Room that nobody holds.
    case free
    /// Room that nobody holds who may not be preempted.
    case firm
}

/// What bounds a choice of nodes.
struct Bounds: Sendable {
    var start: Int64
    var end: Int64
    var layer = Layer.free
    var members: Set<String>?
    var avoid: Set<Int32> = []
    var near: Set<Int32> = []
    /// As many as there is room for will do.
    var partial = false

    init(_ start: Int64, _ end: Int64, layer: Layer = .free) {
        self.start = start
        self.end = end
        self.layer = layer
    }
}

/// Choosing nodes: by hard constraints first, then by order of provider (rank, price), then by the group's style.
extension Plan {
    /// Nodes for all machines of the groups, or nil. With `partial`, -1 stands for a machine without a node, and nil for none at all.
    mutating func choose(_ groups: [Entry.Group], _ bounds: Bounds) -> [Int32]? {
        refresh()
        if groups.count == 1 {
            var places: [Int32] = []
            places.reserveCapacity(groups[0].count)
            choose(groups[0], bounds, into: &places)
            return complete(places, groups[0].count, bounds)
        }
        // Later groups must see what earlier ones took.
        var places: [Int32] = []
        var taken: [(Int32, Room)] = []
        var whole = true
        for group in groups {
            let first = places.count
            choose(group, bounds, into: &places)
            if places.count - first < group.count {
                whole = false
                if !bounds.partial { break }
                places += Array(repeating: -1, count: group.count - (places.count - first))
            }
            for place in places[first...] where place >= 0 {
                taken.append((place, group.room))
                lend(place, .zero - group.room, bounds)
            }
        }
        for (place, room) in taken { lend(place, room, bounds) }
        if whole { return places }
        return bounds.partial && places.contains { $0 >= 0 } ? places : nil
    }

    private func complete(_ places: [Int32], _ count: Int, _ bounds: Bounds) -> [Int32]? {
        if places.count == count { return places }
        guard bounds.partial, !places.isEmpty else { return nil }
        return places + Array(repeating: -1, count: count - places.count)
    }

    private mutating func lend(_ node: Int32, _ room: Room, _ bounds: Bounds) {
        if bounds.layer == .free {
            nodes[Int(node)].free.add(room, bounds.start, bounds.end)
            touch(node)
        } else {
            nodes[Int(node)].firm.add(room, bounds.start, bounds.end)
        }
    }

    /// How many machines of `room` a node takes all the time.
    func capacity(_ node: Int32, _ room: Room, _ bounds: Bounds, most: Int) -> Int {
        let state = nodes[Int(node)]
        guard state.usable, !bounds.avoid.contains(node) else { return 0 }
        return bounds.layer == .free
            ? Plan.fit(state.free, room, bounds, most: most) : Plan.fit(state.firm, room, bounds, most: most)
    }

    @inline(__always)
    private static func fit(_ function: borrowing StepFunction<Room>, _ room: Room, _ bounds: Bounds, most: Int) -> Int {
        if most == 1 { return function.has(room, bounds.start, bounds.end) ? 1 : 0 }
        return function.minimum(bounds.start, bounds.end).count(of: room, most: most)
    }

    private func choose(_ group: Entry.Group, _ bounds: Bounds, into places: inout [Int32]) {
        let goal = places.count + group.count
        let each = group.style == .apart ? 1 : Int.max
        if !bounds.near.isEmpty {
            for node in bounds.near.sorted() where places.count < goal {
                guard allowed(node, group, bounds) else { continue }
                let count = min(each, capacity(node, group.room, bounds, most: goal - places.count))
                for _ in 0..<count { places.append(node) }
            }
        }
        let chosen = bounds.near
        var offers: [(node: Int32, count: Int)] = []
        let spreads = group.style != .pack
        // Enough to choose the emptiest from, without looking at a hundred thousand nodes for one machine.
        var wanted = spreads ? 256 + 2 * group.count : goal - places.count
        for pool in order(at: bounds.start) {
            guard wanted > 0, places.count < goal else { break }
            if let members = bounds.members, !members.contains(pools[pool].provider.member ?? "") { continue }
            let bits = group.filter >= 0 ? filters[group.filter].bits[pool] : []
            visit(pool, group.room, bits, bounds) { node, always in
                if !chosen.isEmpty, chosen.contains(node) { return true }
                if !bounds.avoid.isEmpty, bounds.avoid.contains(node) { return true }
                let most = spreads ? group.count : min(each, goal - places.count)
                // `always` is what is free at every moment: enough there means enough in between.
                var count = always.count(of: group.room, most: most)
                if count < most { count = capacity(node, group.room, bounds, most: most) }
                guard count > 0 else { return true }
                if spreads {
                    offers.append((node, min(each, count)))
                    wanted -= 1
                    return wanted > 0
                }
                for _ in 0..<count { places.append(node) }
                return places.count < goal
            }
        }
        if spreads, places.count < goal { spread(&offers, bounds, goal: goal, into: &places) }
    }

    /// One machine a node and round, the emptiest nodes first.
    private func spread(_ offers: inout [(node: Int32, count: Int)], _ bounds: Bounds, goal: Int, into places: inout [Int32]) {
        let room = offers.map { offer in
            let state = nodes[Int(offer.node)]
            let free = bounds.layer == .free ? state.free.value(at: bounds.start) : state.firm.value(at: bounds.start)
            return (Int64(free.cpus), Int64(free.memory))
        }
        let order = offers.indices.sorted { left, right in
            let (a, b) = (room[left], room[right])
            return a != b ? a > b : left < right
        }
        var round = 0
        while places.count < goal {
            let before = places.count
            for index in order where offers[index].count > round && places.count < goal { places.append(offers[index].node) }
            if places.count == before { return }
            round += 1
        }
    }

    private func allowed(_ node: Int32, _ group: Entry.Group, _ bounds: Bounds) -> Bool {
        let state = nodes[Int(node)]
        if let members = bounds.members, !members.contains(pools[state.pool].provider.member ?? "") { return false }
        guard group.filter >= 0 else { return true }
        return filters[group.filter].bits[state.pool][state.position / 64] >> UInt64(state.position % 64) & 1 == 1
    }

    /// Every node of the pool that may have the room, with what it has free at every moment, until `body` says false.
    private func visit(_ pool: Int, _ room: Room, _ bits: [UInt64], _ bounds: Bounds, _ body: (Int32, Room) -> Bool) {
        if bounds.layer == .free, bounds.start <= now.milliseconds {
            var position = 0
            while let next = pools[pool].present.next(from: position, room, bits) {
                if !body(pools[pool].members[next], pools[pool].always[next]) { return }
                position = next + 1
            }
            return
        }
        // First the nodes that are free for good, found at once; then, with a look at each timeline, those that are free just then.
        if bounds.layer == .free {
            var position = 0
            while let next = pools[pool].always.next(from: position, room, bits) {
                if !body(pools[pool].members[next], pools[pool].always[next]) { return }
                position = next + 1
            }
        }
        for (position, node) in pools[pool].members.enumerated() {
            if !bits.isEmpty, bits[position / 64] >> UInt64(position % 64) & 1 == 0 { continue }
            if bounds.layer == .free, room.fits(pools[pool].always[position]) { continue }
            guard nodes[Int(node)].usable else { continue }
            if !body(node, .none) { return }
        }
    }

    /// The pools in the order in which they are filled: by rank, then by what they cost at that time of the day.
    func order(at start: Int64) -> [Int] {
        guard pools.count > 1, pools.contains(where: { !$0.provider.tariff.spans.isEmpty }) else { return poolOrder }
        return poolOrder.enumerated().sorted { left, right in
            let (a, b) = (pools[left.element].provider, pools[right.element].provider)
            if a.rank != b.rank { return a.rank < b.rank }
            let (costA, costB) = (a.tariff.rate(at: start), b.tariff.rate(at: start))
            return costA != costB ? costA < costB : left.offset < right.offset
        }.map(\.element)
    }

    /// Bounds of a lease for some time: members, and the nodes of leases to be near to or away from.
    func bounds(_ request: Request, _ start: Int64, _ end: Int64, layer: Layer = .free) -> Bounds {
        var bounds = Bounds(start, end, layer: layer)
        bounds.members = request.members
        for group in request.groups where !group.near.isEmpty || !group.away.isEmpty {
            for id in group.near { if let lease = index[id] { bounds.near.formUnion(entries[Int(lease)].places.filter { $0 >= 0 }) } }
            for id in group.away { if let lease = index[id] { bounds.avoid.formUnion(entries[Int(lease)].places.filter { $0 >= 0 }) } }
        }
        bounds.near.subtract(bounds.avoid)
        return bounds
    }
}

extension Tariff {
    /// The factor at that time of the day, UTC.
    func factor(at instant: Int64) -> Double {
        guard !spans.isEmpty else { return 1 }
        let minute = Int(((instant % 86_400_000) + 86_400_000) % 86_400_000 / 60_000)
        for span in spans where span.from <= span.to ? (span.from..<span.to).contains(minute) : minute >= span.from || minute < span.to {
            return span.factor
        }
        return 1
    }

    func rate(at instant: Int64) -> Double { (perCPUHour + perGiBHour) * factor(at: instant) }

    /// What a machine costs from start to end, hour by hour.
    func price(_ room: Room, _ start: Int64, _ end: Int64) -> Double {
        guard !isFree, start < end else { return 0 }
        let hourly = Double(room.cpus) / 1000 * perCPUHour + Double(room.memory) / 1024 * perGiBHour
        guard !spans.isEmpty else { return hourly * Double(end - start) / 3_600_000 }
        // At most a year is added up by the quarter of an hour; longer leases cost the mean of that year.
        let step: Int64 = 900_000
        var (sum, count) = (0.0, 0)
        var time = start
        while time < end, count < 35_040 {
            sum += factor(at: time) * Double(min(step, end - time))
            time += step
            count += 1
        }
        let covered = Double(min(time, end) - start)
        return hourly * sum / 3_600_000 * (Double(end - start) / covered)
    }
}
