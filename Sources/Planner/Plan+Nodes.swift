import Model

extension Plan {
    /// Adds a provider or changes what is known of it. A node of an unknown provider gets one with defaults.
    public mutating func upsert(_ provider: Provider) {
        let pool = pool(provider.name)
        guard pools[pool].provider != provider else { return }
        pools[pool].provider = provider
        poolsStale = true
        for filter in filters.indices { filters[filter].stale = true }
        released = true
    }

    func firstProvider(_ name: String) -> Provider { Provider(name: name) }

    private mutating func pool(_ name: String) -> Int {
        if let pool = poolIndex[name] { return pool }
        pools.append(Pool(provider: firstProvider(name)))
        poolIndex[name] = pools.count - 1
        poolsStale = true
        return pools.count - 1
    }

    /// Adds a node or changes what is known of it. Leases stay where they are, also where the node shrank below what they hold:
    /// `overfull` tells.
    public mutating func upsert(_ node: Node) {
        lanes.learn(node.total.named)
        let capacity = lanes.capacity(node.total - node.foreign)
        guard let known = nodeIndex[node.id] else {
            let pool = pool(node.id.provider)
            let state = NodeState(facts: node, pool: pool, capacity: capacity, free: StepFunction(capacity), firm: StepFunction(capacity))
            nodes.append(state)
            let slot = Int32(nodes.count - 1)
            nodeIndex[node.id] = slot
            pools[pool].members.append(slot)
            pools[pool].stale = true
            for filter in filters.indices { filters[filter].stale = true }
            if state.usable { count(slot, in: true) }
            released = true
            return
        }
        let slot = Int(known)
        let old = nodes[slot]
        guard old.facts != node || !old.known else { return }
        if old.usable { count(known, in: false) }
        let grown = capacity - old.capacity
        if grown != .zero {
            nodes[slot].free.add(grown, Int64.min, Int64.max)
            nodes[slot].firm.add(grown, Int64.min, Int64.max)
            nodes[slot].capacity = capacity
        }
        nodes[slot].facts = node
        nodes[slot].known = true
        if nodes[slot].usable { count(known, in: true) }
        if old.facts.tags != node.tags || old.facts.arch != node.arch || old.facts.total != node.total
            || old.facts.cpuVendor != node.cpuVendor
            || old.facts.cpuMHz != node.cpuMHz || old.facts.priceFactor != node.priceFactor
        {
            for filter in filters.indices { filters[filter].stale = true }
            if old.facts.priceFactor != node.priceFactor { pools[old.pool].stale = true }
        }
        released = true
        touch(known)
    }

    /// Adds or takes away all that the node has free in the sum over all nodes.
    private mutating func count(_ slot: Int32, in adding: Bool) {
        let node = nodes[Int(slot)]
        var last = node.free.value(at: Int64.min)
        let sign: (Room) -> Sum = { adding ? Sum($0) : .zero - Sum($0) }
        sum.add(sign(last), Int64.min, Int64.max)
        var changes: [(Int64, Room)] = []
        node.free.changes(after: Int64.min) { time, value in
            changes.append((time, value - last))
            last = value
            return true
        }
        for (time, change) in changes { sum.add(sign(change), time, Int64.max) }
    }

    /// The trees follow what the node has now.
    mutating func touch(_ slot: Int32) {
        let node = Int(slot)
        nodes[node].free.forget(before: now.milliseconds)
        let pool = nodes[node].pool
        guard !pools[pool].stale else { return }
        let position = nodes[node].position
        guard nodes[node].usable else {
            pools[pool].present.set(position, .none)
            pools[pool].always.set(position, .none)
            return
        }
        pools[pool].present.set(position, nodes[node].free.value(at: now.milliseconds))
        pools[pool].always.set(position, nodes[node].free.floor)
    }

    /// Brings order and trees of the pools up to date.
    mutating func refresh() {
        if poolsStale {
            poolsStale = false
            poolOrder = pools.indices.sorted { left, right in
                let (a, b) = (pools[left].provider, pools[right].provider)
                if a.rank != b.rank { return a.rank < b.rank }
                if a.tariff.perCPUHour != b.tariff.perCPUHour { return a.tariff.perCPUHour < b.tariff.perCPUHour }
                if a.tariff.perGiBHour != b.tariff.perGiBHour { return a.tariff.perGiBHour < b.tariff.perGiBHour }
                return left < right
            }
        }
        for pool in pools.indices where pools[pool].stale {
            pools[pool].stale = false
            let members = pools[pool].members.enumerated().sorted { left, right in
                let (a, b) = (nodes[Int(left.element)].facts.priceFactor, nodes[Int(right.element)].facts.priceFactor)
                return a != b ? a < b : left.offset < right.offset
            }.map(\.element)
            pools[pool].members = members
            for (position, slot) in members.enumerated() {
                nodes[Int(slot)].position = position
                nodes[Int(slot)].free.forget(before: now.milliseconds)
            }
            let usable = members.map { nodes[Int($0)].usable }
            pools[pool].present = RoomTree(
                members.indices.map { usable[$0] ? nodes[Int(members[$0])].free.value(at: now.milliseconds) : .none })
            pools[pool].always = RoomTree(members.indices.map { usable[$0] ? nodes[Int(members[$0])].free.floor : .none })
            for filter in filters.indices { filters[filter].stale = true }
        }
        for filter in filters.indices where filters[filter].stale { answer(filter) }
    }

    /// Nodes whose leases hold more than the node has, now or later (it shrank, or others use more of it).
    public func overfull() -> [NodeID] {
        nodes.filter { $0.known && !Room.zero.fits($0.free.minimum(now.milliseconds, Int64.max)) }.map(\.facts.id)
    }

    /// The node is out of the configuration: no room any more. Answers the machines that were there; they stay in their leases,
    /// unplanned, until `replace`, `release` or `end`.
    public mutating func remove(_ node: NodeID) -> [LostMachine] {
        guard let slot = nodeIndex[node], nodes[Int(slot)].known else { return [] }
        let lost = clear(slot)
        if nodes[Int(slot)].usable { count(slot, in: false) }
        nodes[Int(slot)].known = false
        touch(slot)
        return lost
    }

    /// An operator says that the node and all on it is gone (`provider.lost`). As `remove`, but the node is kept as down.
    public mutating func lost(_ node: NodeID) -> [LostMachine] {
        guard let slot = nodeIndex[node], nodes[Int(slot)].known else { return [] }
        let lost = clear(slot)
        var facts = nodes[Int(slot)].facts
        facts.state = .down
        upsert(facts)
        return lost
    }

    /// Takes every machine off the node. Leases that have not started are placed anew where there is room.
    private mutating func clear(_ slot: Int32) -> [LostMachine] {
        var lost: [LostMachine] = []
        for lease in Set(nodes[Int(slot)].holders).sorted() {
            record(lease)
            let id = entries[Int(lease)].request.id
            if entries[Int(lease)].promised {
                withdraw(lease)
                continue
            }
            retake(lease) { entry in
                var position = 0
                for (group, plan) in entry.groups.enumerated() {
                    for machine in 0..<plan.count {
                        if position < entry.places.count, entry.places[position] == slot {
                            entry.places[position] = -1
                            lost.append(LostMachine(lease: id, group: group, index: machine))
                        }
                        position += 1
                    }
                }
            }
        }
        released = true
        return lost
    }

    /// Takes machines again.
    public mutating func resume(_ node: NodeID) {
        guard let slot = nodeIndex[node] else { return }
        var facts = nodes[Int(slot)].facts
        facts.state = .up
        upsert(facts)
    }

    // MARK: requirements

    /// The filter of a requirement; -1: none.
    mutating func filter(_ requirement: Requirement?) -> Int {
        guard let requirement else { return -1 }
        if let known = filterIndex[requirement.text] { return known }
        filters.append(Filter(requirement: requirement))
        filterIndex[requirement.text] = filters.count - 1
        refresh()
        if filters[filters.count - 1].stale { answer(filters.count - 1) }
        return filters.count - 1
    }

    private mutating func answer(_ filter: Int) {
        filters[filter].stale = false
        filters[filter].bits = pools.map { pool in
            var words = [UInt64](repeating: 0, count: pool.members.count / 64 + 1)
            for (position, slot) in pool.members.enumerated() where holds(filters[filter].requirement, slot) {
                words[position / 64] |= 1 << UInt64(position % 64)
            }
            return words
        }
    }

    func holds(_ requirement: Requirement, _ slot: Int32) -> Bool {
        let node = nodes[Int(slot)].facts
        let provider = pools[nodes[Int(slot)].pool].provider
        return requirement.holds { Plan.fact($0, node, provider) }
    }

    /// What a requirement's name stands for at a node.
    static func fact(_ name: String, _ node: Node, _ provider: Provider) -> Requirement.Value? {
        switch name {
        case "cpus": return .number(node.total.cpus)
        case "memory_mib": return .number(Double(node.total.memoryMiB))
        case "disk_gib": return .number(Double(node.total.diskGiB))
        case "machines": return .number(Double(node.total.machines))
        case "provider": return .text(node.id.provider)
        case "plugin": return .text(provider.plugin)
        case "node": return .text(node.id.node)
        case "member": return .text(provider.member ?? "")
        case "local": return .truth(provider.member == nil)
        case "arch": return node.arch.map { .text($0) }
        case "cpu_vendor": return node.cpuVendor.map { .text($0) }
        case "cpu_mhz": return node.cpuMHz.map { .number(Double($0)) }
        case "price": return .number(provider.tariff.perCPUHour * node.priceFactor)
        default:
            if name.hasPrefix("tag.") { return node.tags[String(name.dropFirst(4))].map { .text($0) } }
            if name.hasPrefix("resource.") { return .number(Double(node.total.named[String(name.dropFirst(9))] ?? 0)) }
            return nil
        }
    }
}
