import JSON
import Ledger
import Model
import Planner

extension SchedulerCore {
    /// Reads all that is not final: at the start, and after a batch that failed.
    func load() throws(BerthError) {
        let snapshot = try ledger.load()
        nextIntent = max(nextIntent, snapshot.nextIntent)
        restored = snapshot.restored
        for lease in snapshot.leases { leases[lease.id] = LeaseEntry(lease) }
        for machine in snapshot.machines {
            guard let owner = leases[machine.lease] else { continue }
            let entry = add(machine, to: owner)
            entry.isStored = true
            entry.isBodily = machine.nativeID != nil && machine.observed != .gone
        }
        for entry in leases.values { addSeats(entry) }
        for intent in snapshot.intents { adopt(intent) }
        for record in snapshot.records where record.kind == "template" { templates[record.id] = record.document }
        drainedNodes = Set(snapshot.records.filter { $0.kind == "drained-node" }.map(\.id))
        kept = [:]
        for record in snapshot.records where Self.keptKinds.contains(record.kind) { kept["\(record.kind)/\(record.id)"] = record.document }
        for entry in leaseOrder { followClock(entry) }
        rebuildPlan()
        for entry in leaseOrder {
            touch(entry)
            armTimers(entry)
        }
    }

    /// Machines that the lease has room for, or waits for, and that are not made yet.
    func addSeats(_ entry: LeaseEntry) {
        for seat in entry.lease.plan.seats where machines[seat.machine] == nil {
            var machine = newMachine(seat.machine, of: entry, group: seat.group, ordinal: seat.ordinal)
            machine.provider = seat.provider
            machine.node = seat.node
            add(machine, to: entry)
        }
    }

    @discardableResult
    func add(_ machine: Machine, to owner: LeaseEntry) -> MachineEntry {
        let entry = MachineEntry(machine, of: owner)
        machines[machine.id] = entry
        owner.machines.append(entry)
        if let provider = machine.provider, let native = machine.nativeID { natives[strayKey(provider, native)] = entry }
        if let running = machine.running { entry.runningSince = now.steady - max(0, now.real - running) }
        return entry
    }

    private func adopt(_ intent: Intent) {
        let entry = IntentEntry(intent)
        entry.machine = machines[intent.machine]
        entry.lease = leases[intent.lease]
        // Whether it was handed to a driver in an earlier life nobody knows: it counts as sent.
        entry.wasSent = true
        if intent.state == .tombstone {
            tombstones[intent.machine] = entry
            entry.machine?.tombstone = entry
            entry.machine?.isBodily = true
            return
        }
        intents[intent.id] = entry
        entry.lease?.openIntents += 1
        if let native = intent.arguments["native_id"]?.string, native != entry.machine?.machine.nativeID {
            // A double, or what a tombstone waited for: what becomes of it says nothing about the machine itself.
            strayDestroys[strayKey(intent.provider, native)] = entry
            entry.machine = nil
        } else {
            entry.machine?.intent = entry
        }
        entry.machine?.isBodily = true
        queueForDispatch(entry)
    }

    /// Once its provider has listed, it is dispatched from there; this is for those that are usable already.
    private func queueForDispatch(_ entry: IntentEntry) {
        timers.add(.intent(entry.intent.id), at: now.steady)
    }

    /// Forgets all that is not durable. Calls in flight go on: their machines are busy until the answers are here.
    func reload() {
        let inFlight = intents.values.filter { $0.call != nil }.map { ($0.intent.id, $0.call ?? 0) }
        let gone = intents.values.filter { $0.call != nil }
        leases = [:]
        machines = [:]
        natives = [:]
        intents = [:]
        tombstones = [:]
        strayDestroys = [:]
        pendingKeys = [:]
        draft = Draft()
        committing = nil
        touched = []
        timers = TimerQueue()
        for (token, request) in held.sorted(by: { $0.key < $1.key }) {
            held[token] = nil
            let why = "the ledger cannot be written" + (ledgerTrouble.map { ": \($0)" } ?? "")
            refuse(token, BerthError(.retry, why, hint: "\(request.verb) changed nothing; try again"))
        }
        for provider in providerOrder {
            provider.queue = []
            provider.running = 0
        }
        do throws(BerthError) {
            try load()
        } catch {
            ledgerTrouble = error.message
        }
        for (id, call) in inFlight {
            if let entry = intents[id] {
                entry.call = call
            }
        }
        for entry in gone { providers[entry.intent.provider]?.running += 1 }
        recountBodies()
    }

    // MARK: the plan

    /// Makes the plan anew from what is known: at the start, and when the clock was set, since a plan's time never runs backwards.
    func rebuildPlan() {
        var fresh = Plan(settings.plan)
        knownProjects = []
        for (project, quota) in settings.quotas.sorted(by: { $0.key < $1.key }) where project != "*" { fresh.set(quota, project: project) }
        plan = fresh
        _ = plan.advance(to: now.real)
        for provider in providerOrder {
            plan.upsert(planned(provider))
            for name in provider.nodeNames {
                if let node = provider.nodes[name] { plan.upsert(planned(node, of: provider)) }
            }
        }
        let ordered = leaseOrder
        var known: Set<NodeID> = []
        for provider in providerOrder { for name in provider.nodeNames { known.insert(NodeID(provider.name, name)) } }
        let views = ordered.compactMap { entry in view(entry).map { (entry, $0) } }
        for (_, view) in views {
            // A node that has not been listed yet is a place all the same: down, with no room.
            for machine in view.placement?.machines ?? [] where known.insert(machine.node).inserted {
                plan.upsert(Node(machine.node, total: .zero, state: .down))
            }
        }
        for (_, view) in views where view.placement != nil { plan.adopt(view) }
        for (_, view) in views where view.placement == nil { plan.adopt(view) }
        planIsDue = true
    }

    /// A lease as the planner takes it back; nil for one that holds no room.
    func view(_ entry: LeaseEntry) -> LeaseView? {
        let lease = entry.lease
        guard let request = try? planRequest(lease) else { return nil }
        let phase: Phase
        switch lease.state {
        case .queued:
            if let retry = lease.plan.retry, retry > now.real { return nil }
            return LeaseView(request: request, phase: .waiting, placement: nil, preemptions: lease.plan.preemptions)
        case .scheduled: phase = .planned
        case .preparing, .active: phase = .running
        case .suspending: phase = .suspending
        case .suspended: phase = .suspended
        case .resuming: phase = .resuming
        default: return nil
        }
        let seats = entry.machines.filter { !$0.machine.isFinal }.compactMap { machine -> Placement.Machine? in
            guard let node = machine.nodeID else { return nil }
            return Placement.Machine(group: entry.groupIndex(machine.machine.group), index: machine.machine.ordinal, node: node)
        }
        let start = lease.start ?? now.real
        let placement = Placement(
            lease: entry.key, start: start, end: lease.end, prepare: lease.plan.prepare ?? start, machines: seats,
            missing: max(0, request.machineCount - seats.count))
        return LeaseView(
            request: request, phase: phase, placement: placement, preemptions: lease.plan.preemptions, ran: lease.plan.ran,
            asleep: lease.plan.asleep)
    }

    /// What the planner is asked for a lease.
    func planRequest(_ lease: Lease) throws(BerthError) -> Plan.Request {
        let terms = lease.terms
        var groups: [Plan.Group] = []
        for (index, group) in terms.groups.enumerated() {
            let size = lease.plan.sizes.indices.contains(index) ? lease.plan.sizes[index] : try size(of: group, at: index)
            groups.append(
                try planGroup(group, size, count: terms.elastic?.reserve == true ? terms.elastic?.max ?? group.count : group.count))
        }
        // A lease that is tried again has missed its time to be taken or refused: it queues.
        let kind = lease.plan.retry == nil ? terms.kind : .bestEffort
        let members: Set<String>? =
            switch terms.location {
            case .local: [""]
            case .anywhere: Plan.Request.members(ofKind: terms.kind)
            case .members(let names): Set(names.map { $0 == "local" ? "" : $0 })
            }
        return Plan.Request(
            id: lease.id.description, project: lease.project, owner: lease.owner, kind: kind, groups: groups, submitted: lease.created,
            start: terms.start, duration: terms.duration.map { Int64($0) * 1000 }, deadline: terms.deadline, validFrom: terms.validFrom,
            validUntil: terms.validUntil, atomic: terms.atomic, preemptible: terms.preemptible, priority: terms.priority,
            onPreempt: terms.onPreempt, prepareAhead: settings.prepareAhead, members: members)
    }
}
