import JSON
import Ledger
import Model
import Planner
import Platform

// After a restore: what is newer than the backup is listed, and becomes a lease or goes on an operator's word alone.
extension SchedulerCore {
    /// Verbs that a restored ledger takes before it is accepted.
    static let beforeAcceptance: Set<String> = ["machine.adopt", "machine.remove", "ledger.accept", "scheduler.note", "scheduler.keep"]

    static let notAccepted = BerthError(
        .retry, "this ledger was restored from a backup, and an operator has not accepted it yet: nothing is made, changed or destroyed",
        hint: "see 'berth machines --strays'; adopt or remove what is there, then 'berth ledger accept'")

    /// A machine with a key of ours that no lease has, by its id or the provider's.
    private func stray(_ request: CoreRequest) throws(BerthError) -> (ProviderEntry, MachineDocument, MachineID) {
        let text = try id(request)
        let wanted = request.body["provider"]?.string
        for provider in providerOrder where wanted == nil || provider.name == wanted {
            for native in provider.strays {
                guard let document = provider.strayDocuments[native], let key = document.key.flatMap({ UUID128($0) }) else { continue }
                let id = MachineID(key: key)
                if id.description == text || wanted != nil && native == text { return (provider, document, id) }
            }
        }
        throw BerthError(.notFound, "there is no stray '\(text.prefix(80))'", hint: "see: berth machines --strays", field: "id")
    }

    private func forgetStray(_ document: MachineDocument, _ provider: ProviderEntry) {
        provider.strays.removeAll { $0 == document.id }
        provider.strayDocuments[document.id] = nil
    }

    /// `machine.adopt {"id","owner","name"}`: a stray becomes the machine of a lease of its own, until that is cancelled.
    func adoptStray(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "provider", "owner", "name")
        let (provider, document, id) = try stray(request)
        guard let node = document.node ?? (provider.nodeNames.count == 1 ? provider.nodeNames[0] : nil) else {
            throw BerthError(.conflict, "provider \(provider.name) does not say on which node the machine is", hint: "try again later")
        }
        let owner = request.body["owner"]?.string ?? request.owner
        let size = Size(
            milliCPUs: Int(document.resources.milliCPUs), memoryMiB: Int(document.resources.memoryMiB),
            diskGiB: Int(document.resources.diskGiB))
        var terms = LeaseTerms(kind: .immediate, groups: [Model.Group(name: "adopted", count: 1, size: size)])
        terms.name = request.body["name"]?.string ?? document.name
        var lease = Lease(id: ids.lease(at: now.real), owner: owner, project: owner, terms: terms, created: now.real)
        lease.plan.sizes = [size]
        lease.start = now.real
        lease.plan.prepare = now.real
        let entry = LeaseEntry(lease)
        leases[lease.id] = entry
        var machine = newMachine(id, of: entry, group: 0, ordinal: 0)
        machine.provider = provider.name
        machine.node = node
        machine.nativeID = document.id
        let adopted = add(machine, to: entry)
        move(entry, to: .preparing, reason: "adopted by \(request.owner)")
        move(adopted, to: .spawning)
        setBodily(adopted, true)
        if let view = view(entry) { plan.adopt(view) }
        forgetStray(document, provider)
        see(document, adopted)
        if adopted.machine.state == .spawning { move(adopted, to: .fulfilled) }
        note(adopted)
        note(entry)
        rememberSeats(entry)
        poll(provider)
        Log.info("a stray machine is adopted", ["machine": id.description, "lease": entry.key, "by": request.owner])
        rememberLease(request, entry)
        settle(entry)
        answer(request.token, ["lease": show(entry)])
    }

    /// `machine.remove {"id"}`: a stray is destroyed.
    func removeStray(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "provider")
        let (provider, document, id) = try stray(request)
        destroyStray(document, machine: id, lease: LeaseID(uuid: id.key), at: provider, byWord: true)
        forgetStray(document, provider)
        draft.events.append(
            Event(
                time: now.real, topic: "machine.\(id).removed", subject: id.description, owner: nil,
                change: ["provider": JSON(provider.name), "native_id": JSON(document.id), "by": JSON(request.owner)]))
        let body: JSON = ["machine": JSON(id.description), "provider": JSON(provider.name), "native_id": JSON(document.id)]
        remember(request, body)
        answer(request.token, body)
    }

    /// `ledger.accept`: the host goes on from what the backup says. Strays that are left stay listed, and are not touched.
    func acceptRestore(_ request: CoreRequest) throws(BerthError) {
        try check(request)
        guard let restored else { throw BerthError(.conflict, "this ledger was not restored: there is nothing to accept") }
        let unseen = providerOrder.filter { !$0.isListed && $0.state != "gone" && $0.state != "disabled" }
        draft.acceptsRestore = true
        draft.events.append(
            Event(time: now.real, topic: "ledger.accepted", subject: "ledger", owner: nil, change: ["by": JSON(request.owner)]))
        let body: JSON = [
            "restored": JSON(restored.description), "strays": JSON(providerOrder.reduce(0) { $0 + $1.strays.count }),
            "unseen": JSON(unseen.map { $0.name }),
        ]
        remember(request, body)
        answer(request.token, body)
    }

    /// The acceptance is durable: from now on providers are made to be what the ledger says.
    func accepted() {
        restored = nil
        for provider in providerOrder where provider.isUsable {
            provider.isListed = false
            list(provider)
        }
        for entry in leaseOrder { touch(entry) }
    }
}
