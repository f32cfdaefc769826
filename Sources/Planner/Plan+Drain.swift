public import Model

extension Plan {
    /// What to do with the machines of a node that is being emptied.
    public enum DrainWay: String, Sendable, Hashable, CaseIterable {
        /// Let them end by themselves.
        case wait
        /// Move them running where the provider can; the rest waits.
        case migrate
        /// Migrate what can be, suspend and move what may be suspended; the rest waits.
        case suspend
    }

    /// Nothing new on this node from now on; leases that have not started are moved away, and running ones as `way` says. The moves
    /// come out of the next `advance`. The report names what stays, why, and until when.
    public mutating func drain(_ node: NodeID, way: DrainWay, now: Instant) -> DrainReport {
        run(to: now)
        guard let slot = nodeIndex[node], nodes[Int(slot)].known else { return DrainReport() }
        var facts = nodes[Int(slot)].facts
        facts.state = .draining
        upsert(facts)
        var report = DrainReport()
        for lease in Set(nodes[Int(slot)].holders).sorted(by: { entries[Int($0)].sequence < entries[Int($1)].sequence }) {
            let entry = entries[Int(lease)]
            let until = entry.holdEnd == Int64.max ? nil : Instant(milliseconds: entry.holdEnd)
            func stays(_ why: String) { report.stays.append(DrainReport.Stay(lease: entry.request.id, why: why, until: until)) }
            record(lease)
            if entry.promised {
                withdraw(lease)
                continue
            }
            switch entry.phase {
            case .planned:
                if reseatAway(lease, slot) {
                    due.append(.replan(placement(lease)))
                    report.moves.append(entry.request.id)
                } else {
                    stays("it is promised there, and no other node has the room for it")
                }
            case .running, .resuming:
                switch empty(lease, slot, way) {
                case nil: report.moves.append(entry.request.id)
                case .some(let why): stays(why)
                }
            case .suspending: stays("it is being suspended")
            case .waiting, .suspended: break
            }
        }
        released = true
        return report
    }

    /// Moves those machines of the lease that are on the node. False, with nothing changed: there is no room elsewhere.
    private mutating func reseatAway(_ lease: Int32, _ node: Int32) -> Bool {
        let before = entries[Int(lease)]
        var moved = before.places
        for (position, place) in before.places.enumerated() where place == node {
            let group = group(of: position, before)
            var one = before.groups[group]
            one.count = 1
            retake(lease) { $0.places[position] = -1 }
            var bounds = bounds(before.request, max(now.milliseconds, before.holdStart), before.holdEnd)
            bounds.avoid.insert(node)
            if one.style == .apart { bounds.avoid.formUnion(entries[Int(lease)].places.filter { $0 >= 0 }) }
            guard let place = choose([one], bounds)?.first else {
                retake(lease) { $0.places = before.places }
                return false
            }
            moved[position] = place
            retake(lease) { $0.places[position] = place }
        }
        return true
    }

    private func group(of position: Int, _ entry: Entry) -> Int {
        var first = 0
        for (group, plan) in entry.groups.enumerated() {
            first += plan.count
            if position < first { return group }
        }
        return 0
    }

    /// Begins to move a running lease off the node; or says why it stays.
    private mutating func empty(_ lease: Int32, _ node: Int32, _ way: DrainWay) -> String? {
        if way == .wait { return "it runs, and is left to end by itself" }
        let entry = entries[Int(lease)]
        let provider = pools[nodes[Int(node)].pool].provider
        var obstacle = "provider \(provider.name) cannot move running machines"
        if provider.migrates {
            // Within the provider only: another one would need another image.
            let home = Set(pools[nodes[Int(node)].pool].members)
            let others = Set(nodes.indices.map { Int32($0) }.filter { !home.contains($0) })
            let old = entry.places
            if reseatHome(lease, node, avoiding: others) {
                var machines: [Placement.Machine] = []
                for machine in placement(lease).machines.enumerated() where old.filter({ $0 >= 0 })[machine.offset] == node {
                    machines.append(machine.element)
                }
                due.append(.migrate(lease: entry.request.id, machines: machines))
                return nil
            }
            obstacle = "no other node of provider \(provider.name) has the room for it"
        }
        guard way == .suspend else { return obstacle }
        guard entry.request.preemptible else { return obstacle + ", and it may not be suspended" }
        guard let model = suspendModel(lease), model.resumesElsewhere else {
            return obstacle + ", and what is suspended there cannot resume elsewhere"
        }
        cut(lease, at: now.milliseconds + suspendTime(lease))
        return nil
    }

    private mutating func reseatHome(_ lease: Int32, _ node: Int32, avoiding: Set<Int32>) -> Bool {
        let before = entries[Int(lease)]
        for (position, place) in before.places.enumerated() where place == node {
            var one = before.groups[group(of: position, before)]
            one.count = 1
            retake(lease) { $0.places[position] = -1 }
            var bounds = bounds(before.request, now.milliseconds, before.holdEnd)
            bounds.avoid.formUnion(avoiding)
            bounds.avoid.insert(node)
            if one.style == .apart { bounds.avoid.formUnion(entries[Int(lease)].places.filter { $0 >= 0 }) }
            guard let place = choose([one], bounds)?.first else {
                retake(lease) { $0.places = before.places }
                return false
            }
            retake(lease) { $0.places[position] = place }
        }
        return true
    }
}
