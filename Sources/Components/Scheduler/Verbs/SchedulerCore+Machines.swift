import JSON
import Ledger
import Model
import Planner
import Platform

// Verbs about machines, flavors, images, and what only components ask.
extension SchedulerCore {
    func listMachines(_ request: CoreRequest) throws(BerthError) {
        var fields = try Fields(request.body)
        var query = MachineQuery(provider: try fields.string("provider"), owner: try owner(&fields, request))
        if let text = try fields.string("lease") {
            guard let id = LeaseID(text) else { throw noLease(text) }
            query.lease = id
        }
        if let text = try fields.string("state") {
            guard let state = MachineState(rawValue: text) else {
                throw fields.failure(
                    "state", "must be one of \(MachineState.allCases.map(\.rawValue).joined(separator: ", ")), not '\(text)'")
            }
            query.states = [state]
        }
        if try fields.bool("all") != true, query.states == nil, query.lease == nil {
            query.states = Set(MachineState.allCases.filter { !$0.isFinal })
        }
        let strays = try fields.bool("strays") ?? false
        query.limit = try limit(&fields)
        if let after = try fields.string("after") {
            guard let id = MachineID(after) else { throw fields.failure("after", "must be the `next` of the page before") }
            query.after = id
        }
        try fields.finish()
        if strays { return try listStrays(request) }
        let page = try ledger.machines(query)
        outbox.replies.append((request.token, .ok(["machines": .array(page.elements.map { $0.json }), "next": JSON(page.next)])))
    }

    /// Machines that carry a key of ours and belong to nothing we know: an operator decides.
    private func listStrays(_ request: CoreRequest) throws(BerthError) {
        guard request.seesAll else { throw BerthError(.denied, "only operators see strays") }
        var strays: [JSON] = []
        for provider in providerOrder {
            for native in provider.strays {
                guard let document = provider.strayDocuments[native] else { continue }
                strays.append([
                    "provider": JSON(provider.name), "native_id": JSON(native), "key": JSON(document.key), "name": JSON(document.name),
                    "observed": JSON(document.state.rawValue), "created": JSON(document.created?.description),
                ])
            }
        }
        outbox.replies.append((request.token, .ok(["machines": .array(strays), "next": .null])))
    }

    func showMachine(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id")
        let text = try id(request)
        guard let id = MachineID(text) else { throw noMachine(text) }
        if let entry = machines[id] {
            guard request.sees(entry.owner.lease.owner) else { throw noMachine(text) }
            return answer(request.token, ["machine": entry.machine.json])
        }
        guard let machine = try ledger.machine(id), let lease = try ledger.lease(machine.lease), request.sees(lease.lease.owner) else {
            throw noMachine(text)
        }
        answer(request.token, ["machine": machine.json])
    }

    private func noMachine(_ text: String) -> BerthError {
        BerthError(.notFound, "there is no machine '\(text.prefix(80))'", hint: "see: berth machines", field: "id")
    }

    private func find(_ request: CoreRequest) throws(BerthError) -> MachineEntry {
        let text = try id(request)
        guard let id = MachineID(text) else { throw noMachine(text) }
        if let entry = machines[id], request.sees(entry.owner.lease.owner) { return entry }
        if let stored = try ledger.machine(id), let lease = try ledger.lease(stored.lease), request.sees(lease.lease.owner) {
            throw BerthError(.conflict, "the machine is \(stored.state.rawValue): its lease is over")
        }
        throw noMachine(text)
    }

    /// A verb of the ABI on one machine of a lease. What would end it goes through its lease.
    func act(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "verb", "args")
        guard let verb = request.body["verb"]?.string, !verb.isEmpty else {
            throw BerthError(.invalid, "verb is missing: start, stop, reboot, pause, unpause, snapshot …", field: "verb")
        }
        let entry = try find(request)
        guard let name = entry.machine.provider, let provider = providers[name], let native = entry.machine.nativeID else {
            throw BerthError(.conflict, "the machine \(entry.machine.id) is \(entry.machine.state.rawValue): it is not there yet")
        }
        guard !["create", "destroy", "renew"].contains(verb) else {
            throw BerthError(
                .denied, "\(verb) is not for a single machine of a lease",
                hint: "change or cancel the lease: berth lease update, berth lease cancel")
        }
        guard provider.can(verb) else {
            throw BerthError(
                .unsupported, "the driver of provider \(name) has no '\(verb)'",
                hint: "it has: " + provider.capabilities.sorted().joined(separator: ", "))
        }
        guard provider.isUsable else {
            throw BerthError(.unreachable, "provider \(name) is \(provider.state)" + (provider.reason.map { ": \($0)" } ?? ""))
        }
        guard entry.intent == nil else {
            throw BerthError(
                .conflict, "the machine is busy: \(entry.intent?.intent.verb.description ?? "") is under way",
                hint: "try again when it is done")
        }
        _ = call(
            provider, .action, nativeID: native, verb: verb, body: request.body["args"] ?? .null,
            for: .action(token: request.token, machine: entry.machine.id, verb: verb))
        pendingActions[request.token] = request
    }

    func acted(_ token: Int, _ id: MachineID, _ verb: String, _ result: DriverAnswer) {
        let request = pendingActions.removeValue(forKey: token)
        switch result {
        case .document(let document):
            if let entry = machines[id] {
                // Resized or moved on its owner's word.
                entry.seen = nil
                if let seen = MachineDocument(document), seen.id == entry.machine.nativeID { see(seen, entry) } else { inspect(entry) }
            }
            let body: JSON = ["result": document]
            if let request { remember(request, body) }
            answer(token, body)
        case .lines(let lines): answer(token, ["result": .array(lines)])
        case .failure(let failure): refuse(token, BerthError(failure.code, "\(verb): \(failure.message)", native: failure.native))
        }
    }

    /// An operator's word that a machine is not to be waited for any more. It is written down who said so.
    func forgetMachine(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id")
        guard request.isOperator || request.seesAll else { throw BerthError(.denied, "only operators forget machines") }
        let entry = try find(request)
        let why = "forgotten by \(request.owner)"
        if let intent = entry.intent {
            if intent.intent.verb == .create { bury(intent, why: why) } else { close(intent) }
        }
        entry.tombstone?.isSettled = true
        entry.machine.observed = .gone
        setBodily(entry, false)
        if entry.machine.isFinal {
            entry.machine.message = why
            changed(entry)
            note(entry)
        } else {
            lost(entry, why)
        }
        let body: JSON = ["machine": entry.machine.json]
        remember(request, body)
        answer(request.token, body)
    }

    // MARK: flavors and images

    /// Every flavor, and how many more of each fit now: a create of exactly that many on that provider succeeds.
    func listFlavors(_ request: CoreRequest) throws(BerthError) {
        try check(request, "limit", "after")
        var flavors = settings.flavors
        for provider in providerOrder {
            for size in provider.sizes where !flavors.contains(where: { $0.name == size.name }) { flavors.append(size) }
        }
        let shown: [JSON] = flavors.map { flavor in
            let fits = plan.fits(flavor.size.resources, project: request.owner, now: now.real)
            var json = flavor.json
            var byProvider = JSON.Object()
            for provider in providerOrder { byProvider[provider.name] = JSON(fits[provider.name] ?? 0) }
            // Members serve only who asks for them by `where`.
            json["fits"] = JSON(providerOrder.filter { $0.member == nil }.reduce(0) { $0 + (fits[$1.name] ?? 0) })
            json["providers"] = .object(byProvider)
            json["source"] = settings.flavors.contains(flavor) ? "configuration" : "catalog"
            return json
        }
        outbox.replies.append((request.token, .ok(["flavors": .array(shown), "next": .null])))
    }

    func listImages(_ request: CoreRequest) throws(BerthError) {
        try check(request, "limit", "after")
        var names = settings.images.map(\.name)
        for provider in providerOrder { for image in provider.images where !names.contains(image.name) { names.append(image.name) } }
        let shown: [JSON] = names.map { name in
            var byProvider = JSON.Object()
            for provider in providerOrder { if let value = image(name, at: provider) { byProvider[provider.name] = JSON(value) } }
            return [
                "name": JSON(name), "providers": .object(byProvider),
                "source": settings.images.contains { $0.name == name } ? "configuration" : "catalog",
            ]
        }
        outbox.replies.append((request.token, .ok(["images": .array(shown), "next": .null])))
    }

    // MARK: for the Monitor and Drivers

    /// `scheduler.watch {"within_ms"}`: machines that need looking at (those that are not ready yet, and the load-bearing ones of elastic
    /// leases), the providers, and with `within_ms` the leases that start or end within so long.
    func watch(_ request: CoreRequest) {
        var waiting: [JSON] = []
        var elastic: [JSON] = []
        var soon: [JSON] = []
        let horizon = request.body["within_ms"]?.int.map { now.real + Int64($0) }
        let watched = leases.values.filter { entry in
            switch entry.lease.state {
            case .preparing: true
            case .active: entry.lease.terms.elastic != nil || !entry.lease.terms.atomic || horizon != nil
            case .scheduled, .suspending, .resuming: horizon != nil
            default: false
            }
        }
        for entry in watched.sorted(by: { $0.lease.id < $1.lease.id }) {
            if [.preparing, .active].contains(entry.lease.state) {
                for machine in entry.machines where machine.machine.state == .spawning && machine.machine.nativeID != nil {
                    waiting.append([
                        "id": JSON(machine.machine.id.description), "provider": JSON(machine.machine.provider),
                        "native_id": JSON(machine.machine.nativeID), "observed": JSON(machine.machine.observed.rawValue),
                        "ready": JSON(readiness(of: machine).description), "addresses": JSON(machine.machine.addresses),
                    ])
                }
            }
            if let bounds = entry.lease.terms.elastic, entry.lease.state == .active {
                elastic.append([
                    "id": JSON(entry.key), "min": JSON(bounds.min), "max": JSON(bounds.max),
                    "count": JSON(entry.lease.terms.groups[0].count),
                    "machines": .array(
                        entry.machines.filter { $0.machine.state == .fulfilled }.map {
                            ["provider": JSON($0.machine.provider), "native_id": JSON($0.machine.nativeID)]
                        }),
                ])
            }
            if let horizon {
                let times = [entry.lease.start, entry.lease.end].compactMap { $0 }
                guard times.contains(where: { $0 >= now.real && $0 <= horizon }) else { continue }
                soon.append([
                    "id": JSON(entry.key), "name": JSON(entry.lease.name), "owner": JSON(entry.lease.owner),
                    "state": JSON(entry.lease.state.rawValue), "start": JSON(entry.lease.start?.milliseconds ?? 0),
                    "end": JSON(entry.lease.end?.milliseconds ?? 0),
                ])
            }
        }
        let shown: [JSON] = providerOrder.map {
            ["name": JSON($0.name), "state": JSON($0.state), "capabilities": JSON($0.capabilities.sorted())]
        }
        var body: JSON = ["machines": .array(waiting), "elastic": .array(elastic), "providers": .array(shown)]
        if horizon != nil { body["leases"] = .array(soon) }
        outbox.replies.append((request.token, .ok(body)))
    }

    func refreshProvider(_ request: CoreRequest) throws(BerthError) {
        guard let name = request.body["provider"]?.string, let provider = providers[name] else {
            throw BerthError(.notFound, "there is no such provider")
        }
        if request.body["list"]?.bool == true { list(provider) }
        if request.body["capacity"]?.bool == true { poll(provider) }
        if request.body["catalog"]?.bool == true, provider.isUsable, provider.can("catalog"), provider.catalogCall == nil {
            provider.catalogCall = call(provider, .catalog, for: .catalog(name))
        }
        outbox.replies.append((request.token, .ok([:])))
    }

    /// `scheduler.ready {"id","ready","why","final"}`: the Monitor reached the port or the agent of a machine, or says why not; `final`:
    /// it never will.
    func setReady(_ request: CoreRequest) throws(BerthError) {
        let entry = try find(request)
        let why = request.body["why"]?.string
        if request.body["ready"]?.bool == false {
            entry.isReachable = false
            entry.unready = why
            if entry.machine.state == .spawning, request.body["final"]?.bool == true {
                failed(entry, why ?? "it cannot become ready", isFinal: true)
            } else if entry.machine.state == .spawning, entry.machine.message != why {
                entry.machine.message = why
                changed(entry)
            }
        } else {
            entry.isReachable = true
            entry.unready = nil
            judge(entry)
        }
        answer(request.token, [:])
    }

    func observe(_ request: CoreRequest) throws(BerthError) {
        guard let provider = request.body["provider"]?.string, let document = MachineDocument(request.body["machine"] ?? .null) else {
            throw BerthError(.invalid, "provider and machine are missing")
        }
        observe(document, at: provider)
        answer(request.token, [:])
    }

    func inspectMachine(_ request: CoreRequest) throws(BerthError) {
        inspect(try find(request))
        outbox.replies.append((request.token, .ok([:])))
    }

    /// `provider.lost NAME[/NODE]`: an operator's word that the machines there are gone. Should a copy come back, it is destroyed on sight.
    func lose(_ request: CoreRequest) throws(BerthError) {
        try check(request, "name", "node")
        guard let name = request.body["name"]?.string, let provider = providers[name] else {
            throw BerthError(.notFound, "there is no provider '\(request.body["name"]?.string ?? "")'", hint: "see: berth providers")
        }
        let node = request.body["node"]?.string
        if let node, provider.nodes[node] == nil,
            !machines.values.contains(where: { $0.machine.provider == name && $0.machine.node == node })
        {
            throw BerthError(
                .notFound, "provider \(name) has no node '\(node)'", hint: "it has: " + provider.nodeNames.joined(separator: ", "))
        }
        let gone = machines.values.filter {
            $0.machine.provider == name && (node == nil || $0.machine.node == node) && $0.isStored && ($0.isBodily || !$0.machine.isFinal)
        }.sorted { $0.machine.id < $1.machine.id }
        for lost in node.map({ [$0] }) ?? provider.nodeNames { _ = plan.lost(NodeID(name, lost)) }
        let why = "lost with \(node.map { "\(name)/\($0)" } ?? name), says \(request.owner)"
        var ids: [JSON] = []
        for entry in gone {
            ids.append(JSON(entry.machine.id.description))
            entomb(entry, why: why)
            entry.machine.observed = .gone
            changed(entry)
            setBodily(entry, false)
            if !entry.machine.isFinal, entry.owner.lease.state != .ending { lost(entry, why) } else { note(entry) }
        }
        planIsDue = true
        draft.events.append(
            Event(
                time: now.real, topic: "provider.\(name).lost", subject: name, owner: nil,
                change: ["node": JSON(node), "machines": .array(ids)]))
        let body: JSON = ["machines": .array(ids)]
        remember(request, body)
        answer(request.token, body)
    }
}
