import JSON
import Model
import Planner
import Platform

extension SchedulerCore {
    @discardableResult
    func add(_ settings: ProviderSettings) -> ProviderEntry {
        if let known = providers[settings.name] {
            known.settings = settings
            return known
        }
        let entry = ProviderEntry(settings)
        providers[settings.name] = entry
        providerOrder.append(entry)
        return entry
    }

    /// The configuration was read again. A provider that is gone from the file keeps its machines, observed unknown.
    func take(_ fresh: SchedulerSettings) {
        settings = fresh
        for provider in fresh.providers { add(provider) }
        for provider in providerOrder
        where provider.member == nil && !fresh.providers.contains(where: { $0.name == provider.name }) && provider.state != "gone" {
            take(ProviderChange(name: provider.name, state: "gone", reason: "it is not in the configuration any more"))
        }
        rebuildPlan()
    }

    func take(_ change: ProviderChange) {
        let provider = add(providers[change.name]?.settings ?? ProviderSettings(name: change.name))
        let wasUsable = provider.isUsable
        if provider.state != change.state {
            // Told as an event too: `provider.NAME.STATE`.
            draft.events.append(
                Event(
                    time: now.real, topic: "provider.\(change.name).\(change.state)", subject: change.name, owner: nil,
                    change: ["state": JSON(change.state), "reason": JSON(change.reason), "before": JSON(provider.state)]))
        }
        let isNewWorker = change.state == "restarting" || change.state == "starting" || change.state == "quarantined"
        provider.state = change.state
        provider.reason = change.reason
        if !change.capabilities.isEmpty { provider.capabilities = Set(change.capabilities) }
        if let member = change.member { provider.member = member }
        if let rank = change.rank { provider.rank = rank }
        if isNewWorker || !provider.isUsable { provider.isListed = false }
        plan.upsert(planned(provider))
        for name in provider.nodeNames { provider.nodes[name].map { plan.upsert(planned($0, of: provider)) } }
        if provider.isUsable {
            if !wasUsable || !provider.isListed { refresh(provider) }
        } else if wasUsable {
            becameUnknown(provider)
        }
        planIsDue = true
        retryHeld()
    }

    /// Unreachable means that nobody knows, never that its machines are gone.
    private func becameUnknown(_ provider: ProviderEntry) {
        for entry in leaseOrder {
            for machine in entry.machines
            where machine.machine.provider == provider.name && !machine.machine.isFinal && machine.machine.nativeID != nil
                && machine.machine.observed != .unknown
            {
                machine.machine.observed = .unknown
                changed(machine)
                note(machine)
            }
        }
    }

    /// Asks a provider for everything: its machines first, since what we know of them decides what is done next.
    func refresh(_ provider: ProviderEntry) {
        guard provider.isUsable else { return }
        list(provider)
        poll(provider)
        if provider.catalogCall == nil, provider.can("catalog") {
            provider.catalogCall = call(provider, .catalog, for: .catalog(provider.name))
        }
    }

    func poll(_ provider: ProviderEntry) {
        guard provider.isUsable, provider.capacityCall == nil else { return }
        for name in provider.nodeNames { provider.nodes[name]?.left = .zero }
        provider.capacityCall = call(provider, .capacity, for: .capacity(provider.name))
    }

    func list(_ provider: ProviderEntry) {
        guard provider.isUsable else { return }
        guard provider.listCall == nil else {
            provider.listsAgain = true
            return
        }
        provider.listCall = call(provider, .list, for: .list(provider.name))
    }

    /// A call that only looks: it needs no durable intent.
    func call(
        _ provider: ProviderEntry, _ slot: DriverCall.Slot, nativeID: String = "", verb: String = "", body: JSON = .null,
        for purpose: CallPurpose
    ) -> Int {
        let number = nextCall
        nextCall += 1
        calls[number] = purpose
        outbox.calls.append(
            DriverCall(number: number, provider: provider.name, slot: slot, nativeID: nativeID, verb: verb, body: body))
        return number
    }

    // MARK: answers

    func take(_ answer: DriverAnswer, of number: Int) {
        guard let purpose = calls.removeValue(forKey: number) else { return }
        switch purpose {
        case .intent(let id, let machine, let provider): finished(id, machine, provider, call: number, answer)
        case .inspect(let id): inspected(id, answer)
        case .list(let name): providers[name].map { listed($0, number, answer) }
        case .capacity(let name): providers[name].map { counted($0, answer) }
        case .catalog(let name): providers[name].map { catalogued($0, answer) }
        case .action(let token, let machine, let verb): acted(token, machine, verb, answer)
        }
    }

    private func listed(_ provider: ProviderEntry, _ number: Int, _ answer: DriverAnswer) {
        provider.listCall = nil
        let again = provider.listsAgain
        provider.listsAgain = false
        switch answer {
        case .lines(let lines) where provider.isUsable:
            provider.retryDelay = 0
            reconcile(provider, lines.compactMap { MachineDocument($0) }, began: number)
        case .document, .lines: break
        case .failure:
            provider.retryDelay = min(max(provider.retryDelay * 2, settings.firstRetry), settings.lastRetry)
            timers.add(.provider(provider.name), at: now.steady + provider.retryDelay)
        }
        if again { list(provider) }
    }

    private func counted(_ provider: ProviderEntry, _ answer: DriverAnswer) {
        provider.capacityCall = nil
        guard case .document(let document) = answer, let nodes = document["nodes"]?.array else {
            if case .failure = answer, provider.nodeNames.isEmpty, provider.isUsable {
                timers.add(.provider(provider.name), at: now.steady + 1000)
            }
            return
        }
        var seen: Set<String> = []
        for document in nodes {
            guard let id = document["id"]?.string else { continue }
            seen.insert(id)
            take(document, node: id, of: provider)
        }
        for name in provider.nodeNames where !seen.contains(name) {
            // A node that is not told of any more takes nothing; what runs there is still there until somebody says otherwise.
            provider.nodes[name]?.node.state = .down
            provider.nodes[name].map { plan.upsert(planned($0, of: provider)) }
        }
        planIsDue = true
        wakeQueue(provider)
        retryHeld()
    }

    private func take(_ document: JSON, node id: String, of provider: ProviderEntry) {
        let overcommit = provider.settings.overcommit
        var total = Resources(document["total"] ?? .null, absent: Resources.unlimited)
        func scale(_ amount: Int64, _ name: String) -> Int64 {
            guard let factor = overcommit[name], amount < Resources.unlimited else { return amount }
            return Int64(Double(amount) * factor)
        }
        total.milliCPUs = scale(total.milliCPUs, "cpus")
        total.memoryMiB = scale(total.memoryMiB, "memory")
        total.diskGiB = scale(total.diskGiB, "disk")
        var tags = provider.settings.tags
        for field in document["tags"]?.object?.fields ?? [] { tags[field.name] = field.value.string ?? field.value.text }
        let state = document["state"]?.string.flatMap(Node.State.init) ?? .up
        var entry = provider.nodes[id] ?? NodeEntry(node: Node(NodeID(provider.name, id), total: total))
        entry.node = Node(
            NodeID(provider.name, id), total: total, state: state, tags: tags, arch: document["arch"]?.string,
            cpuVendor: document["cpu_vendor"]?.string, cpuMHz: document["cpu_mhz"]?.int)
        if provider.nodes[id] == nil {
            // What an earlier life made stands there already.
            provider.nodeNames.append(id)
            for machine in machines.values where machine.nodeID == entry.node.id {
                machine.counted = machine.takes
                entry.bodily += machine.counted
            }
        }
        entry.used = Resources(document["used"] ?? .null)
        entry.foreign = entry.used.less(entry.bodily).less(entry.left)
        provider.nodes[id] = entry
        plan.upsert(planned(entry, of: provider))
    }

    private func catalogued(_ provider: ProviderEntry, _ answer: DriverAnswer) {
        provider.catalogCall = nil
        guard case .document(let document) = answer else { return }
        provider.images = (document["images"]?.array ?? []).compactMap { image in
            guard let id = image["id"]?.string else { return nil }
            return (id, image["name"]?.string ?? id)
        }
        provider.sizes = (document["sizes"]?.array ?? []).compactMap { size in
            guard let name = size["name"]?.string ?? size["id"]?.string, let cpus = size["cpus"]?.double,
                let memory = size["memory_mib"]?.int
            else { return nil }
            return Flavor(
                name: name, size: Size(milliCPUs: Int(Resources.milli(cpus)), memoryMiB: memory, diskGiB: size["disk_gib"]?.int ?? 0))
        }
        retryHeld()
    }

    // MARK: for the planner

    func planned(_ provider: ProviderEntry) -> Planner.Provider {
        let settings = provider.settings
        let suspends = provider.can("suspend") && provider.can("resume")
        return Planner.Provider(
            name: settings.name, plugin: settings.plugin, member: provider.member, rank: provider.rank, tariff: settings.tariff,
            suspend: suspends ? SuspendModel(rate: settings.suspendRate) : nil, bootMilliseconds: settings.bootMilliseconds,
            migrates: provider.can("migrate"))
    }

    func planned(_ entry: NodeEntry, of provider: ProviderEntry) -> Node {
        var node = entry.node
        node.foreign = entry.foreign
        if !provider.isUsable {
            node.state = .down
        } else if node.state == .up, provider.state == "draining" || drainedNodes.contains("\(node.id)") || !provider.can("create") {
            node.state = .draining
        }
        return node
    }

    // MARK: bodies

    /// The machine exists at its node or may exist: nothing else is put where it stands.
    func setBodily(_ entry: MachineEntry, _ isBodily: Bool, wasThere: Bool = true) {
        guard entry.isBodily != isBodily else { return }
        entry.isBodily = isBodily
        recount(entry, wasThere: wasThere)
    }

    /// Brings what its node counts for a machine up to date.
    func recount(_ entry: MachineEntry, wasThere: Bool = true) {
        let (before, after) = (entry.counted, entry.takes)
        guard before != after, let id = entry.nodeID, let provider = providers[id.provider], var node = provider.nodes[id.node] else {
            return
        }
        entry.counted = after
        node.bodily += after - before
        let gone = before.less(after)
        if wasThere {
            node.left += gone
            provider.nodes[id.node] = node
        } else {
            // It was never among what the provider counted: then somebody else was.
            node.foreign = node.used.less(node.bodily).less(node.left)
            provider.nodes[id.node] = node
            plan.upsert(planned(node, of: provider))
        }
        guard !gone.isZero else { return }
        planIsDue = true
        wakeQueue(provider)
    }

    /// Whether the running sums agree with what they sum up: one line for each that does not. Simulations ask after each step.
    public func audit() -> [String] {
        var problems: [String] = []
        for provider in providerOrder {
            for name in provider.nodeNames {
                guard let node = provider.nodes[name] else { continue }
                var sum = Resources.zero
                for entry in machines.values where entry.nodeID == node.node.id { sum += entry.takes }
                for entry in strayDestroys.values where entry.intent.provider == provider.name && entry.body?.node == name {
                    sum += entry.body?.takes ?? .zero
                }
                if sum != node.bodily { problems.append("\(node.node.id) counts \(node.bodily), and its machines are \(sum)") }
            }
        }
        return problems
    }

    func recountBodies() {
        for provider in providerOrder {
            for name in provider.nodeNames { provider.nodes[name]?.bodily = .zero }
        }
        for entry in machines.values {
            guard let id = entry.nodeID, providers[id.provider]?.nodes[id.node] != nil else { continue }
            entry.counted = entry.takes
            providers[id.provider]?.nodes[id.node]?.bodily += entry.counted
        }
        for entry in strayDestroys.values {
            guard let body = entry.body else { continue }
            providers[entry.intent.provider]?.nodes[body.node]?.bodily += body.takes
        }
    }

    /// Whether the machine has room in body for all that it has: what is being taken away still stands there.
    func fitsBodily(_ entry: MachineEntry) -> Bool {
        guard let id = entry.nodeID, let provider = providers[id.provider] else { return true }
        // What a member has left is its own affair, and changes: it says yes or no, and a no finds the machine another place.
        if provider.member != nil { return true }
        // Until the provider has told of its nodes, nobody knows whether there is room.
        guard let node = provider.nodes[id.node] else { return entry.isBodily || !provider.nodeNames.isEmpty }
        let all = entry.machine.size.resources
        return entry.counted == all || (node.bodily - entry.counted + all).fits(in: node.node.total.less(node.foreign))
    }
}

extension Resources {
    /// What is left, never below zero.
    func less(_ other: Resources) -> Resources {
        func rest(_ left: Int64, _ right: Int64) -> Int64 { left >= Resources.unlimited ? left : max(0, left - right) }
        var names = named
        for (name, value) in other.named { names[name] = max(0, (names[name] ?? 0) - value) }
        return Resources(
            milliCPUs: rest(milliCPUs, other.milliCPUs), memoryMiB: rest(memoryMiB, other.memoryMiB), diskGiB: rest(diskGiB, other.diskGiB),
            machines: rest(machines, other.machines), named: names)
    }
}
