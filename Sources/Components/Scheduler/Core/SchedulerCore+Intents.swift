import JSON
import Model
import Planner
import Platform

// Intents: written down before they are tried, repeated until they are through (DESIGN §6).
extension SchedulerCore {
    /// Writes down that something is to be done with a machine. A machine does one thing at a time.
    @discardableResult
    func intend(_ verb: Intent.Verb, _ entry: MachineEntry, arguments: JSON = .null) -> IntentEntry? {
        guard entry.intent == nil, let provider = entry.machine.provider else { return nil }
        let intent = newIntent(verb, machine: entry.machine.id, lease: entry.owner, provider: provider, arguments: arguments)
        intent.machine = entry
        entry.intent = intent
        return intent
    }

    private func newIntent(
        _ verb: Intent.Verb, machine: MachineID, lease: LeaseEntry?, leaseID: LeaseID? = nil, provider: String, arguments: JSON
    ) -> IntentEntry {
        let id = nextIntent
        nextIntent += 1
        let entry = IntentEntry(
            Intent(
                id: id, verb: verb, machine: machine, lease: lease?.lease.id ?? leaseID ?? LeaseID(uuid: machine.key), provider: provider,
                arguments: arguments, created: now.real))
        entry.lease = lease
        lease?.openIntents += 1
        intents[id] = entry
        changed(entry)
        return entry
    }

    /// A machine that nobody wants, by the provider's id: the double of one of ours, or what a tombstone waited for.
    /// `byWord`: an operator said so, also of a ledger that is not accepted yet.
    func destroyStray(
        _ document: MachineDocument, machine: MachineID, lease: LeaseID, at provider: ProviderEntry, byWord: Bool = false
    ) {
        let key = strayKey(provider.name, document.id)
        if let known = strayDestroys[key] { return embody(known, document, at: provider) }
        Log.warning(
            "destroying a machine that nobody wants",
            ["provider": provider.name, "native_id": document.id, "machine": machine.description])
        reportStray(document, machine: machine, lease: lease, at: provider.name)
        strayDestroys[key] = newIntent(
            .destroy, machine: machine, lease: leases[lease], leaseID: lease, provider: provider.name,
            arguments: byWord ? ["native_id": JSON(document.id), "by_word": true] : ["native_id": JSON(document.id)])
        strayDestroys[key].map { embody($0, document, at: provider) }
    }

    /// `machine.ID.stray`: there is a machine that nobody wants any more.
    func reportStray(_ document: MachineDocument, machine: MachineID, lease: LeaseID, at provider: String) {
        draft.events.append(
            Event(
                time: now.real, topic: "machine.\(machine).stray", subject: machine.description, owner: leases[lease]?.lease.owner ?? "",
                change: [
                    "provider": JSON(provider), "native_id": JSON(document.id), "node": JSON(document.node),
                    "lease": JSON(lease.description), "message": "nobody wants it: it is destroyed",
                ]))
    }

    /// What is to be destroyed takes its room until it is gone.
    private func embody(_ entry: IntentEntry, _ document: MachineDocument, at provider: ProviderEntry) {
        guard entry.intent.state != .closed, entry.body == nil, machines[entry.intent.machine]?.isBodily != true, let node = document.node,
            provider.nodes[node] != nil
        else { return }
        var takes = document.resources
        takes.machines = 1
        entry.body = (node, takes)
        provider.nodes[node]?.bodily += takes
    }

    /// Closes an intent; it is forgotten once that is durable.
    func close(_ entry: IntentEntry) {
        guard entry.intent.state != .closed else { return }
        transition(entry, to: .closed)
        released(entry)
    }

    private func released(_ entry: IntentEntry) {
        if let machine = entry.machine, machine.intent === entry { machine.intent = nil }
        entry.lease?.openIntents -= 1
        entry.lease.map { touch($0) }
    }

    private func transition(_ entry: IntentEntry, to state: IntentState, message: String? = nil) {
        do throws(BerthError) {
            try entry.intent.state.move(to: state)
        } catch {
            return violated(error)
        }
        if let message { entry.intent.message = message }
        changed(entry)
    }

    /// A create that nobody wants any more and that may still turn up: whoever shows its key is destroyed on sight, for ever.
    func bury(_ entry: IntentEntry, why: String) {
        guard entry.intent.verb == .create, entry.intent.state != .tombstone else { return }
        transition(entry, to: .tombstone, message: why)
        released(entry)
        entry.isQueued = false
        entry.settlesAfter = nextCall
        entry.machine?.tombstone = entry
        intents[entry.intent.id] = nil
        tombstones[entry.intent.machine] = entry
        if let provider = providers[entry.intent.provider], provider.isUsable { list(provider) }
    }

    /// A machine whose place is lost: should it come back, it is destroyed on sight.
    func entomb(_ entry: MachineEntry, why: String) {
        if let intent = entry.intent {
            if intent.intent.verb == .create {
                bury(intent, why: why)
                intent.isSettled = true
                return
            }
            close(intent)
        }
        guard let provider = entry.machine.provider, tombstones[entry.machine.id] == nil else { return }
        let intent = newIntent(.destroy, machine: entry.machine.id, lease: entry.owner, provider: provider, arguments: .null)
        intent.machine = entry
        transition(intent, to: .tombstone, message: why)
        released(intent)
        intent.isSettled = true
        entry.tombstone = intent
        intents[intent.intent.id] = nil
        tombstones[entry.machine.id] = intent
    }

    /// It is known that nothing is there now. The tombstone stays all the same: a provider may be late.
    func settleTombstone(_ entry: IntentEntry) {
        guard !entry.isSettled else { return }
        entry.isSettled = true
        if let machine = entry.machine {
            setBodily(machine, false, wasThere: false)
            touch(machine.owner)
        }
    }

    // MARK: dispatch

    /// Hands an intent to its driver if its time has come: everything about it is durable, its provider is there and has a free thread.
    func dispatch(_ entry: IntentEntry) {
        guard entry.durability.isDurable, entry.call == nil, !entry.isQueued, ledgerTrouble == nil,
            restored == nil || entry.intent.arguments["by_word"] == true, intents[entry.intent.id] === entry,
            entry.intent.state == .open || entry.intent.state == .unknown
        else { return }
        if let machine = entry.machine, machine.isStored, !machine.durability.isDurable { return }
        guard let provider = providers[entry.intent.provider], provider.isUsable else { return }
        // Once the driver has listed: what an earlier life or worker began may be there, and takes room.
        guard provider.isListed else { return }
        guard entry.notBefore <= now.steady else {
            timers.add(.intent(entry.intent.id), at: entry.notBefore)
            return
        }
        entry.isQueued = true
        provider.queue.append(entry)
        wakeQueue(provider)
    }

    /// Gives free threads to those who wait, oldest first; what is to be made or woken and has no room in body yet is passed over.
    func wakeQueue(_ provider: ProviderEntry) {
        guard !provider.queue.isEmpty, provider.isUsable, provider.isListed else { return }
        var waiting: [IntentEntry] = []
        var rest = provider.queue[...]
        while provider.running < max(1, provider.settings.threads), let entry = rest.popFirst() {
            guard entry.isQueued, intents[entry.intent.id] === entry, entry.durability.isDurable else {
                entry.isQueued = false
                continue
            }
            if entry.needsRoom, let machine = entry.machine, !fitsBodily(machine) {
                waiting.append(entry)
                continue
            }
            send(entry, to: provider)
        }
        provider.queue = waiting + rest
    }

    private func send(_ entry: IntentEntry, to provider: ProviderEntry) {
        entry.isQueued = false
        entry.wasSent = true
        entry.intent.attempts += 1
        if let machine = entry.machine, entry.needsRoom {
            machine.isWaking = entry.intent.verb != .create
            machine.isWaking ? recount(machine) : setBodily(machine, true)
        }
        let number = nextCall
        nextCall += 1
        calls[number] = .intent(entry.intent.id, entry.intent.machine, provider: provider.name)
        entry.call = number
        provider.running += 1
        let call: DriverCall
        switch entry.intent.verb {
        case .create:
            call = DriverCall(
                number: number, provider: provider.name, slot: .create, key: entry.intent.machine.key.description,
                body: entry.intent.arguments)
        case .destroy, .action:
            call = DriverCall(
                number: number, provider: provider.name, slot: .action, nativeID: entry.nativeID ?? "", verb: entry.intent.verb.description,
                body: entry.intent.verb == .destroy ? .null : entry.intent.arguments)
        }
        outbox.calls.append(call)
    }

    // MARK: answers

    func finished(_ id: Int64, _ machine: MachineID, _ name: String, call: Int, _ answer: DriverAnswer) {
        let provider = providers[name]
        if let provider { provider.running = max(0, provider.running - 1) }
        defer { provider.map { wakeQueue($0) } }
        guard let entry = intents[id] ?? tombstones[machine], entry.intent.id == id, entry.call == call else { return }
        entry.call = nil
        switch entry.intent.verb {
        case .create: created(entry, answer)
        case .destroy: destroyed(entry, answer)
        case .action(let verb): changedState(entry, verb, answer)
        }
    }

    private func created(_ entry: IntentEntry, _ answer: DriverAnswer) {
        switch answer {
        case .document(let json):
            guard let document = MachineDocument(json) else {
                return tryAgain(entry, DriverFailure(.broken, "the driver answered create without a machine"))
            }
            appeared(document, for: entry)
        case .lines:
            tryAgain(entry, DriverFailure(.broken, "the driver answered create with a list"))
        case .failure(let failure) where failure.promisesNothing:
            guard entry.intent.state != .tombstone else { return settleTombstone(entry) }
            close(entry)
            if let machine = entry.machine {
                setBodily(machine, false)
                failed(machine, "create: \(failure.description)", isFinal: failure.isFinal)
            }
        case .failure(let failure):
            guard entry.intent.state != .tombstone else {
                // Whether it made something is known by a list that begins now.
                entry.settlesAfter = nextCall
                providers[entry.intent.provider].map { list($0) }
                return
            }
            if failure.crashed {
                entry.intent.crashes += 1
                changed(entry)
                if entry.intent.crashes >= settings.crashLimit, let machine = entry.machine {
                    let why = "its driver crashed \(entry.intent.crashes) times while making it: \(failure.description)"
                    bury(entry, why: why)
                    return failed(machine, why, isFinal: true)
                }
            }
            tryAgain(entry, failure)
        }
    }

    /// The machine of a create is there: from the answer, or from a list.
    func appeared(_ document: MachineDocument, for entry: IntentEntry) {
        if entry.intent.state == .tombstone {
            if let provider = providers[entry.intent.provider] {
                destroyStray(document, machine: entry.intent.machine, lease: entry.intent.lease, at: provider)
            }
            return
        }
        let machine = entry.machine
        close(entry)
        guard let machine else { return }
        machine.machine.nativeID = document.id
        machine.knownSince = nextCall
        natives[strayKey(entry.intent.provider, document.id)] = machine
        changed(machine)
        setBodily(machine, true)
        // Nobody wants it any more: `settle` has it destroyed.
        guard !machine.machine.isFinal else { return touch(machine.owner) }
        if let node = document.node, node != machine.machine.node, providers[entry.intent.provider]?.nodes[node] != nil {
            // The provider put it elsewhere: the plan keeps its room where it was promised, and the operator sees where it is.
            Log.info("a machine runs on another node than planned", ["machine": machine.machine.id.description, "node": node])
        }
        see(document, machine)
        if machine.wasReported, document.state == .building { inspect(machine) }
    }

    private func destroyed(_ entry: IntentEntry, _ answer: DriverAnswer) {
        switch answer {
        case .document, .lines: break
        case .failure(let failure) where failure.code == .notFound: break
        case .failure(let failure): return tryAgain(entry, failure)
        }
        let machine = entry.machine
        close(entry)
        if let body = entry.body, let provider = providers[entry.intent.provider] {
            provider.nodes[body.node]?.bodily -= body.takes
            provider.nodes[body.node]?.left += body.takes
            entry.body = nil
            planIsDue = true
        }
        guard let machine else {
            if let tombstone = tombstones[entry.intent.machine], tombstone.call == nil { settleTombstone(tombstone) }
            return
        }
        if machine.machine.observed != .gone {
            machine.machine.observed = .gone
            changed(machine)
            note(machine)
        }
        setBodily(machine, false)
    }

    private func changedState(_ entry: IntentEntry, _ verb: String, _ answer: DriverAnswer) {
        guard let machine = entry.machine else { return close(entry) }
        switch answer {
        case .document(let json):
            close(entry)
            if verb == "migrate", let node = machine.migratesTo { moved(machine, to: node) }
            if let document = MachineDocument(json), document.id == machine.machine.nativeID {
                see(document, machine)
            } else {
                see(Self.result(of: verb), machine)
                inspect(machine)
            }
        case .lines: close(entry)
        case .failure(let failure) where failure.code == .notFound:
            close(entry)
            vanished(machine)
        case .failure(let failure) where failure.isFinal || failure.code == .conflict:
            close(entry)
            cannot(verb, machine, failure)
        case .failure(let failure): tryAgain(entry, failure)
        }
    }

    private func moved(_ entry: MachineEntry, to node: String) {
        let wasBodily = entry.isBodily
        setBodily(entry, false)
        entry.machine.node = node
        entry.migratesTo = nil
        setBodily(entry, wasBodily)
        changed(entry)
        note(entry)
    }

    /// What a verb makes of a machine where the driver does not say.
    static func result(of verb: String) -> ObservedState {
        switch verb {
        case "suspend": .suspended
        case "pause": .paused
        case "stop": .stopped
        default: .running
        }
    }

    /// The outcome is unknown: same key, same provider, after a pause of 100 ms to 60 s.
    private func tryAgain(_ entry: IntentEntry, _ failure: DriverFailure) {
        if entry.intent.verb == .create, entry.machine?.machine.isFinal != false {
            return bury(entry, why: "not wanted any more, and nobody knows whether it was made: \(failure.description)")
        }
        entry.delay = min(max(entry.delay * 2, settings.firstRetry), settings.lastRetry)
        entry.notBefore = now.steady + entry.delay
        timers.add(.intent(entry.intent.id), at: entry.notBefore)
        let message = "\(entry.intent.verb): \(failure.description)"
        if entry.intent.verb == .create, entry.intent.state == .open {
            transition(entry, to: .unknown, message: message)
        } else if entry.intent.message != message {
            entry.intent.message = message
            changed(entry)
        }
        if let machine = entry.machine, machine.machine.message != message {
            machine.machine.message = message
            changed(machine)
            note(machine)
        }
    }

    /// A fresh worker has listed: nobody has to wait any longer.
    func resetBackOff(_ provider: ProviderEntry) {
        for entry in intents.values.sorted(by: { $0.intent.id < $1.intent.id }) where entry.intent.provider == provider.name {
            entry.delay = 0
            entry.notBefore = 0
            dispatch(entry)
        }
    }
}
