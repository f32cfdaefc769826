import JSON
import Ledger
import Model
import Planner
import Platform

// What drivers say about machines, and what follows from it.
extension SchedulerCore {
    /// Takes in everything that a provider has. `began` is the number of the list call: what became known later it may have missed.
    func reconcile(_ provider: ProviderEntry, _ documents: [MachineDocument], began: Int) {
        let isFresh = !provider.isListed
        provider.isListed = true
        provider.strays = []
        provider.strayDocuments = [:]
        var seen: Set<String> = []
        let shown = Set(documents.compactMap { $0.key.flatMap { UUID128($0) } })
        // Of two machines with one key the oldest stays where none is recorded.
        let ordered = documents.enumerated().sorted { left, right in
            let (first, second) = (left.element.created, right.element.created)
            return first != second ? (first ?? .far) < (second ?? .far) : left.offset < right.offset
        }
        for (_, document) in ordered {
            seen.insert(document.id)
            meet(document, at: provider)
        }
        let ours = machines.values.filter { $0.machine.provider == provider.name }.sorted { $0.machine.id < $1.machine.id }
        for entry in ours where entry.knownSince <= began && entry.intent?.call == nil {
            guard let native = entry.machine.nativeID, !seen.contains(native), entry.machine.observed != .gone else { continue }
            vanished(entry)
        }
        for entry in tombstones.values.sorted(by: { $0.intent.id < $1.intent.id })
        where entry.intent.provider == provider.name && entry.call == nil && entry.settlesAfter <= began
            && !shown.contains(entry.intent.machine.key)
        {
            settleTombstone(entry)
        }
        guard isFresh else { return }
        // What an earlier worker was to make and the list does not show is not there: it must find room before it is tried again.
        for entry in ours where entry.machine.nativeID == nil && entry.intent?.intent.verb == .create && entry.intent?.call == nil {
            setBodily(entry, false, wasThere: false)
        }
        resetBackOff(provider)
        wakeQueue(provider)
    }

    /// One machine that a provider shows.
    func meet(_ document: MachineDocument, at provider: ProviderEntry) {
        guard let text = document.key, let key = UUID128(text) else {
            // Made by somebody else, unless an event left the key out.
            if let entry = natives[strayKey(provider.name, document.id)] { see(document, entry) }
            return
        }
        guard ledger.id.owns(key) else { return }
        let id = MachineID(key: key)
        if let tombstone = tombstones[id], restored == nil {
            let recorded = machines[id]?.machine.nativeID
            if recorded == nil || recorded != document.id {
                return destroyStray(document, machine: id, lease: tombstone.intent.lease, at: provider)
            }
        }
        guard let entry = machines[id] else { return meetUnknown(document, id, at: provider) }
        switch entry.machine.nativeID {
        case document.id?:
            see(document, entry)
        case nil:
            if let intent = entry.intent, intent.intent.verb == .create {
                // The answer to a call in flight is on its way, and may be older than this.
                guard intent.call == nil else {
                    entry.wasReported = true
                    return
                }
                appeared(document, for: intent)
            } else if restored == nil {
                destroyStray(document, machine: id, lease: entry.owner.lease.id, at: provider)
            }
        default:
            guard restored == nil else { return }
            Log.warning(
                "two machines with one key: the recorded one stays",
                ["machine": id.description, "stays": entry.machine.nativeID ?? "", "goes": document.id])
            destroyStray(document, machine: id, lease: entry.owner.lease.id, at: provider)
        }
    }

    /// A key of our ledger that belongs to no lease that lives.
    private func meetUnknown(_ document: MachineDocument, _ id: MachineID, at provider: ProviderEntry) {
        let stored = try? ledger.machine(id)
        if let stored, restored == nil {
            let lease = (try? ledger.lease(stored.lease))?.lease
            // The lease of its owner said that the machine is kept.
            let isKept =
                lease?.terms.onEnd != .destroy && lease?.state == .done && stored.state == .closed && stored.nativeID == document.id
            if !isKept { destroyStray(document, machine: id, lease: stored.lease, at: provider) }
            return
        }
        if provider.strayDocuments.updateValue(document, forKey: document.id) == nil {
            provider.strays.append(document.id)
            Log.warning(
                "a machine carries a key of this ledger and is not known to it",
                ["provider": provider.name, "native_id": document.id, "machine": id.description, "hint": "berth machines --strays"])
        }
    }

    func observe(_ document: MachineDocument, at name: String) {
        guard let provider = providers[name] else { return }
        guard document.state == .gone else { return meet(document, at: provider) }
        guard let entry = natives[strayKey(name, document.id)], entry.intent?.call == nil else { return }
        vanished(entry)
    }

    /// Notes what a driver says about a machine of ours.
    func see(_ document: MachineDocument, _ entry: MachineEntry) {
        guard document.state != .gone else { return vanished(entry) }
        let before = entry.machine
        if before.isFinal, before.observed == .gone, entry.tombstone != nil {
            // It was given up, and is back: its node was only away.
            Log.warning("a machine that was given up is back", ["machine": before.id.description, "native_id": document.id])
            reportStray(document, machine: before.id, lease: before.lease, at: before.provider ?? "")
            setBodily(entry, true)
        }
        entry.machine.observed = document.state
        if entry.isWaking, entry.intent?.call == nil {
            entry.isWaking = false
            recount(entry)
        }
        if !document.addresses.isEmpty { entry.machine.addresses = document.addresses }
        if let node = document.node, entry.machine.node == nil { entry.machine.node = node }
        noteDrift(document, entry)
        if document.state == .running, entry.machine.running == nil {
            entry.machine.running = now.real
            entry.runningSince = now.steady
            armReadiness(entry)
        }
        if let message = document.message {
            entry.machine.message = message
        } else if entry.machine.state == .spawning {
            entry.machine.message = entry.unready
        }
        if entry.machine != before {
            changed(entry)
            if entry.machine.observed != before.observed || entry.machine.addresses != before.addresses { note(entry) }
        }
        judge(entry)
    }

    /// A machine that is another than when it was last seen, without our doing, is told of.
    private func noteDrift(_ document: MachineDocument, _ entry: MachineEntry) {
        let (fresh, known) = (document.resources, entry.seen)
        // An event of a driver often names the state alone.
        guard fresh.milliCPUs > 0 || fresh.memoryMiB > 0 || document.node != nil else { return }
        entry.seen = (fresh, document.node ?? known?.node)
        guard let known, entry.intent == nil else { return }
        var changes: [String] = []
        if fresh.milliCPUs > 0, known.resources.milliCPUs > 0, fresh.milliCPUs != known.resources.milliCPUs {
            changes.append("cpus \(known.resources.cpus) → \(fresh.cpus)")
        }
        if fresh.memoryMiB > 0, known.resources.memoryMiB > 0, fresh.memoryMiB != known.resources.memoryMiB {
            changes.append("memory \(known.resources.memoryMiB) → \(fresh.memoryMiB) MiB")
        }
        if let node = document.node, let before = known.node, node != before { changes.append("node \(before) → \(node)") }
        guard !changes.isEmpty else { return }
        let words = changes.joined(separator: ", ")
        Log.warning("a machine was changed behind our back", ["machine": entry.machine.id.description, "change": words])
        note(entry, ["drift": JSON(words)])
    }

    func see(_ state: ObservedState, _ entry: MachineEntry) {
        guard let id = entry.machine.nativeID else { return }
        see(MachineDocument(id: id, state: state), entry)
    }

    /// Whether a machine is what its lease wants it to be.
    func judge(_ entry: MachineEntry) {
        touch(entry.owner)
        switch (entry.machine.state, entry.machine.observed) {
        case (.spawning, .running) where isReady(entry):
            move(entry, to: .fulfilled)
            note(entry)
        case (.spawning, .error):
            failed(entry, "it came up in error" + (entry.machine.message.map { ": \($0)" } ?? ""), isFinal: false)
        case (.fulfilled, .stopped), (.fulfilled, .suspended):
            // Somebody stopped it behind our back, or from within. A persistent lease wants it running.
            guard entry.owner.lease.state == .active, entry.owner.lease.terms.persistent, entry.intent == nil else { return }
            let verb = entry.machine.observed == .stopped ? "start" : "resume"
            if !entry.refused.contains(verb) { intend(.action(verb), entry) }
        default: break
        }
    }

    func isReady(_ entry: MachineEntry) -> Bool {
        switch readiness(of: entry) {
        case .running: true
        case .address: !entry.machine.addresses.isEmpty
        case .tcp, .agent: entry.isReachable
        }
    }

    func readiness(of entry: MachineEntry) -> Readiness {
        entry.owner.lease.terms.groups.first { $0.name == entry.machine.group }?.ready ?? .running
    }

    // MARK: inspecting

    func inspect(_ entry: MachineEntry) {
        guard !entry.isInspected, let native = entry.machine.nativeID, let name = entry.machine.provider, let provider = providers[name],
            provider.isUsable, entry.intent?.call == nil
        else { return }
        entry.isInspected = true
        _ = call(provider, .inspect, nativeID: native, for: .inspect(entry.machine.id))
    }

    func inspected(_ id: MachineID, _ answer: DriverAnswer) {
        guard let entry = machines[id] else { return }
        entry.isInspected = false
        // What is being done with it right now is answered by that.
        guard entry.intent?.call == nil else { return }
        switch answer {
        case .document(let json):
            guard let document = MachineDocument(json), document.id == entry.machine.nativeID else { return }
            see(document, entry)
        case .failure(let failure) where failure.code == .notFound: vanished(entry)
        case .failure, .lines: break
        }
    }

    // MARK: losses

    /// The provider says that the machine is not there.
    func vanished(_ entry: MachineEntry) {
        guard entry.machine.observed != .gone else { return }
        entry.machine.observed = .gone
        changed(entry)
        setBodily(entry, false)
        if let intent = entry.intent, intent.call == nil { close(intent) }
        guard !entry.machine.isFinal, entry.owner.lease.state != .ending else { return note(entry) }
        lost(entry, "it vanished from its provider")
    }

    /// The machine is no more. A persistent lease gets another, of others it was the last word.
    func lost(_ entry: MachineEntry, _ why: String) {
        let owner = entry.owner
        move(entry, to: .closed, message: why)
        note(entry)
        if owner.lease.terms.persistent {
            if !replace(entry, why: why) { requeue(owner, "\(describe(entry)): \(why); no room for another yet") }
            return
        }
        plan.release(owner.key, group: owner.groupIndex(entry.machine.group), index: entry.machine.ordinal, now: now.real)
        planIsDue = true
        if owner.live.contains(where: { $0.machine.state != .open }) {
            owner.lease.reason = "\(describe(entry)): \(why)"
            changed(owner)
            note(owner)
        } else {
            finish(owner, as: .failed, reason: "\(describe(entry)): \(why)")
        }
    }

    /// The machine could not be made, or never got ready.
    func failed(_ entry: MachineEntry, _ why: String, isFinal: Bool) {
        guard !entry.machine.isFinal else { return }
        let owner = entry.owner
        move(entry, to: .failed, message: why)
        note(entry)
        guard owner.lease.state != .ending else { return }
        let place = entry.nodeID.map { " on \($0)" } ?? ""
        let reason = "\(describe(entry))\(place): \(why)"
        let mayReplace = !owner.lease.terms.atomic || owner.lease.terms.persistent
        if mayReplace, !isFinal, entry.machine.attempt < settings.replacements, replace(entry, why: why) { return }
        if owner.lease.terms.persistent, !isFinal { return requeue(owner, reason) }
        if owner.lease.terms.atomic { return finish(owner, as: .failed, reason: reason) }
        plan.release(owner.key, group: owner.groupIndex(entry.machine.group), index: entry.machine.ordinal, now: now.real)
        planIsDue = true
        if owner.live.isEmpty {
            finish(owner, as: .failed, reason: reason)
        } else {
            owner.lease.reason = reason
            changed(owner)
        }
    }

    func describe(_ entry: MachineEntry) -> String {
        "\(entry.machine.group)-\(entry.machine.ordinal) (\(entry.machine.id))"
    }

    /// Another machine with a key of its own in the place of one that is no more; false: there is no room.
    private func replace(_ entry: MachineEntry, why: String) -> Bool {
        let owner = entry.owner
        let group = owner.groupIndex(entry.machine.group)
        let avoiding: Set<NodeID> = entry.machine.state == .failed ? entry.nodeID.map { [$0] } ?? [] : []
        let node =
            plan.replace(owner.key, group: group, index: entry.machine.ordinal, avoiding: avoiding, now: now.real)
            ?? (avoiding.isEmpty ? nil : plan.replace(owner.key, group: group, index: entry.machine.ordinal, now: now.real))
        guard let node else { return false }
        var machine = newMachine(ids.machine(at: now.real), of: owner, group: group, ordinal: entry.machine.ordinal)
        machine.provider = node.provider
        machine.node = node.node
        machine.replaces = entry.machine.id
        machine.attempt = entry.machine.state == .failed ? entry.machine.attempt + 1 : 0
        let fresh = add(machine, to: owner)
        spawn(fresh)
        if owner.lease.state == .active { move(owner, to: .preparing, reason: "\(describe(entry)): \(why)"); note(owner) }
        owner.preparesSince = now.steady
        armTimers(owner)
        return true
    }
}

extension Instant {
    /// After everything.
    static let far = Instant(milliseconds: .max)
}
