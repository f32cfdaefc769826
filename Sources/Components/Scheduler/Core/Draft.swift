import JSON
import Ledger
import Model
import Planner

/// What changed since the last batch was cut, and what waits for it to be durable.
struct Draft {
    var leases: [LeaseEntry] = []
    var machines: [MachineEntry] = []
    var intents: [IntentEntry] = []
    var events: [Event] = []
    var answers: [AnsweredRequest] = []
    var records: [Record] = []
    var removedRecords: [(kind: String, id: String)] = []
    var acceptsRestore = false
    /// Given once the batch is durable.
    var replies: [(token: Int, reply: CoreReply)] = []
    /// Driver calls of clients that were recorded first.
    var keys: [String] = []

    var changesNothing: Bool {
        leases.isEmpty && machines.isEmpty && intents.isEmpty && events.isEmpty && answers.isEmpty && records.isEmpty
            && removedRecords.isEmpty && !acceptsRestore
    }
}

extension SchedulerCore {
    // MARK: what changed

    func changed(_ entry: LeaseEntry) {
        touch(entry)
        guard !entry.durability.isDirty else { return }
        entry.durability.isDirty = true
        draft.leases.append(entry)
    }

    func changed(_ entry: MachineEntry) {
        touch(entry.owner)
        recount(entry)
        guard !entry.durability.isDirty else { return }
        entry.durability.isDirty = true
        draft.machines.append(entry)
    }

    func changed(_ entry: IntentEntry) {
        guard !entry.durability.isDirty else { return }
        entry.durability.isDirty = true
        draft.intents.append(entry)
    }

    /// Notes an event about a lease, in the state it has now.
    func note(_ entry: LeaseEntry, _ more: JSON = [:]) {
        let lease = entry.lease
        var change: JSON = ["state": JSON(lease.state.rawValue), "name": JSON(lease.name)]
        if let reason = lease.reason { change["reason"] = JSON(reason) }
        for field in more.object?.fields ?? [] { change[field.name] = field.value }
        draft.events.append(
            Event(
                time: now.real, topic: "lease.\(entry.key).\(lease.state.rawValue)", subject: entry.key, owner: lease.owner, change: change)
        )
    }

    func note(_ entry: MachineEntry, _ more: JSON = [:]) {
        let machine = entry.machine
        let id = machine.id.description
        var change: JSON = [
            "state": JSON(machine.state.rawValue), "observed": JSON(machine.observed.rawValue), "lease": JSON(entry.owner.key),
            "group": JSON(machine.group), "provider": JSON(machine.provider), "node": JSON(machine.node),
        ]
        if let message = machine.message { change["message"] = JSON(message) }
        for field in more.object?.fields ?? [] { change[field.name] = field.value }
        draft.events.append(
            Event(
                time: now.real, topic: "machine.\(id).\(machine.state.rawValue)", subject: id, owner: entry.owner.lease.owner,
                change: change))
    }

    // MARK: answers

    /// Answers when everything that this wake changed is durable.
    func answer(_ token: Int, _ reply: CoreReply) {
        draft.replies.append((token, reply))
    }

    func answer(_ token: Int, _ json: JSON) { answer(token, .ok(json)) }

    /// Answers at once: a refusal changes nothing.
    func refuse(_ token: Int, _ error: BerthError, details: JSON = .null) {
        outbox.replies.append((token, .failed(error, details: details)))
    }

    // MARK: batches

    /// Cuts the draft into a batch if none is under way.
    func cutBatch() {
        guard committing == nil else { return }
        guard !draft.changesNothing else {
            outbox.replies += draft.replies
            draft.replies = []
            return
        }
        guard ledgerTrouble == nil else { return }
        plan.settle(plan.mark())
        var batch = Batch(.promise)
        for entry in draft.leases {
            entry.lease.revision += 1
            entry.durability = Durability(isCommitting: true)
            batch.leases.append(entry.lease)
        }
        for entry in draft.machines {
            entry.durability = Durability(isCommitting: true)
            entry.isStored = true
            batch.machines.append(entry.machine)
        }
        for entry in draft.intents {
            entry.durability = Durability(isCommitting: true)
            batch.intents.append(entry.intent)
        }
        batch.events = draft.events
        batch.answers = draft.answers
        batch.records = draft.records
        batch.removedRecords = draft.removedRecords
        batch.acceptsRestore = draft.acceptsRestore
        committing = draft
        draft = Draft()
        outbox.batch = batch
    }

    func take(_ result: Result<[Event], BerthError>) {
        guard let done = committing else { return }
        committing = nil
        switch result {
        case .success(let events):
            outbox.events += events
            outbox.replies += done.replies
            for key in done.keys { pendingKeys[key] = nil }
            if done.acceptsRestore { accepted() }
            for entry in done.leases {
                entry.durability.isCommitting = false
                if entry.lease.isFinal, entry.durability.isDurable { forget(entry) }
            }
            for entry in done.machines { entry.durability.isCommitting = false }
            for entry in done.intents {
                entry.durability.isCommitting = false
                finish(entry)
            }
            // Calls wait for the machine's row too: it holds the native id that a destroy needs.
            for entry in done.intents { dispatch(entry) }
            for entry in done.machines { entry.intent.map { dispatch($0) } }
        case .failure(let error):
            ledgerFailed(error, done)
        }
    }

    /// The ledger took nothing: whoever waits for something that is not durable is told to try again, and what is durable is read again.
    private func ledgerFailed(_ error: BerthError, _ failed: Draft) {
        ledgerTrouble = error.message
        let refusal = BerthError(
            .retry, "the ledger cannot be written: \(error.message)", hint: error.hint ?? "nothing was changed; try again later")
        for (token, reply) in failed.replies + draft.replies where reply.isFinal {
            outbox.replies.append((token, .failed(refusal, details: .null)))
        }
        reload()
    }

    /// The ledger works again.
    func recover() {
        guard ledgerTrouble != nil else { return }
        ledgerTrouble = nil
        reload()
        for provider in providerOrder where provider.isUsable {
            provider.isListed = false
            list(provider)
        }
    }

    /// A closed intent and a final lease are over once that is durable.
    private func finish(_ entry: IntentEntry) {
        guard entry.intent.state == .closed, entry.durability.isDurable else { return }
        intents[entry.intent.id] = nil
        if let native = entry.intent.arguments["native_id"]?.string { strayDestroys[strayKey(entry.intent.provider, native)] = nil }
    }

    func forget(_ entry: LeaseEntry) {
        leases[entry.lease.id] = nil
        for machine in entry.machines {
            setBodily(machine, false)
            machines[machine.machine.id] = nil
            guard let provider = machine.machine.provider, let native = machine.machine.nativeID else { continue }
            let key = strayKey(provider, native)
            if natives[key] === machine { natives[key] = nil }
        }
    }

    func strayKey(_ provider: String, _ native: String) -> String { "\(provider)/\(native)" }
}
