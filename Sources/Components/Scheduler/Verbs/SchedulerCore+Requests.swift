import JSON
import Ledger
import Model
import Planner

// The verbs. Each answers its request exactly once, now or later.
extension SchedulerCore {
    func handle(_ request: CoreRequest) {
        do throws(BerthError) {
            if Self.changing.contains(request.verb), let ledgerTrouble {
                throw BerthError(.retry, "the ledger cannot be written: \(ledgerTrouble)", hint: "nothing was changed; try again later")
            }
            if restored != nil, Self.changing.contains(request.verb), !Self.beforeAcceptance.contains(request.verb) {
                throw Self.notAccepted
            }
            if request.key != nil, Self.changing.contains(request.verb), try answersAgain(request) { return }
            try run(request)
        } catch {
            refuse(request.token, error)
        }
    }

    static let changing: Set<String> = [
        "lease.create", "lease.update", "lease.cancel", "lease.suspend", "lease.resume", "lease.save", "machine.action", "machine.forget",
        "machine.adopt", "machine.remove", "ledger.accept", "provider.lost", "scheduler.scale", "scheduler.note", "scheduler.drain",
        "scheduler.keep",
    ]

    private func run(_ request: CoreRequest) throws(BerthError) {
        switch request.verb {
        case "lease.create": try create(request)
        case "lease.list": try listLeases(request)
        case "lease.show": try showLease(request)
        case "lease.update": try update(request)
        case "lease.cancel": try cancel(request)
        case "lease.suspend": try suspendLease(request)
        case "lease.resume": try resumeLease(request)
        case "lease.explain": try explain(request)
        case "lease.save": try save(request)
        case "machine.list": try listMachines(request)
        case "machine.show": try showMachine(request)
        case "machine.action": try act(request)
        case "machine.adopt": try adoptStray(request)
        case "machine.remove": try removeStray(request)
        case "ledger.accept": try acceptRestore(request)
        case "machine.forget": try forgetMachine(request)
        case "flavor.list": try listFlavors(request)
        case "image.list": try listImages(request)
        case "scheduler.watch": watch(request)
        case "scheduler.refresh": try refreshProvider(request)
        case "scheduler.ready": try setReady(request)
        case "scheduler.observe": try observe(request)
        case "scheduler.inspect": try inspectMachine(request)
        case "scheduler.scale": try scale(request)
        case "scheduler.drain": try drainNode(request)
        case "scheduler.keep": try keep(request)
        case "scheduler.kept": try showKept(request)
        case "provider.lost": try lose(request)
        case "scheduler.room": tellRoom(request)
        case "scheduler.held": tellHeld(request)
        case "scheduler.note": try writeDown(request)
        default: throw BerthError(.unsupported, "the scheduler has no verb '\(request.verb)'")
        }
    }

    // MARK: keys

    private func keyName(_ request: CoreRequest) -> String { "\(request.owner)\u{0}\(request.key ?? "")" }

    /// Answers a request whose key is known: the same again, or a conflict.
    func answersAgain(_ request: CoreRequest) throws(BerthError) -> Bool {
        guard let key = request.key else { return false }
        if let pending = pendingKeys[keyName(request)] {
            guard pending.verb == request.verb, pending.hash == request.bodyHash else { throw otherBody(key) }
            if let entry = leases[pending.lease] { give(request, entry) }
            return true
        }
        guard let known = try ledger.answer(account: request.owner, key: key) else { return false }
        guard known.verb == request.verb, known.bodyHash == request.bodyHash else { throw otherBody(key) }
        guard let id = known.answer["lease"]?.string.flatMap({ LeaseID($0) }) else {
            answer(request.token, known.answer)
            return true
        }
        if let entry = leases[id] { give(request, entry) } else { answer(request.token, ["lease": try stored(id)]) }
        return true
    }

    private func otherBody(_ key: String) -> BerthError {
        BerthError(.conflict, "the key '\(key)' was used for another request", hint: "use a new key for each request")
    }

    /// Remembers an answer under its key, with the change itself.
    func remember(_ request: CoreRequest, _ answer: JSON) {
        guard let key = request.key else { return }
        draft.answers.append(
            AnsweredRequest(
                account: request.owner, key: key, verb: request.verb, bodyHash: request.bodyHash, answer: answer, time: now.real))
    }

    /// Remembers which lease a request was about: asked again, it is answered with that lease as it is then.
    func rememberLease(_ request: CoreRequest, _ entry: LeaseEntry) {
        guard request.key != nil else { return }
        pendingKeys[keyName(request)] = (request.verb, request.bodyHash, entry.lease.id)
        draft.keys.append(keyName(request))
        remember(request, ["lease": JSON(entry.key)])
    }

    /// Answers a request with its lease: now, or with `wait` when the lease has got where the verb leads, or is over.
    func give(_ request: CoreRequest, _ entry: LeaseEntry) {
        let state = entry.lease.state
        let isThere =
            switch request.verb {
            case "lease.cancel": false
            case "lease.suspend": state != .suspending
            case "lease.create": [.active, .suspending, .suspended, .resuming].contains(state)
            case "lease.resume": state == .active
            default: true
            }
        if request.body["wait"]?.bool == true, !isThere, !entry.lease.isFinal {
            wait(request.token, for: entry)
            touch(entry)
        } else {
            answer(request.token, ["lease": show(entry)])
        }
    }

    /// Whether an asker waits for more than a commit.
    func isWaiting(_ token: Int) -> Bool {
        held[token] != nil || pendingActions[token] != nil || waiting.contains(token)
    }

    func abandon(_ token: Int) {
        waiting.remove(token)
        held[token] = nil
        for entry in leases.values where entry.waiters.contains(token) { entry.waiters.removeAll { $0 == token } }
    }

    func wait(_ token: Int, for entry: LeaseEntry) {
        entry.waiters.append(token)
        waiting.insert(token)
    }

    // MARK: finding

    /// A lease that lives, by id or by its owner's name for it.
    func live(_ request: CoreRequest) throws(BerthError) -> LeaseEntry {
        let text = try id(request)
        if let id = LeaseID(text) {
            if let entry = leases[id], request.sees(entry.lease.owner) { return entry }
            if let stored = try ledger.lease(id), request.sees(stored.lease.owner) {
                throw BerthError(.conflict, "the lease \(stored.lease.name) is over: it is \(stored.lease.state.rawValue)")
            }
        } else {
            let named = leases.values.filter { $0.lease.terms.name == text && request.sees($0.lease.owner) }
            if named.count == 1 { return named[0] }
            if named.count > 1 {
                throw BerthError(.conflict, "\(named.count) leases are called '\(text)'", hint: "say which by its id: berth lease list")
            }
        }
        throw noLease(text)
    }

    func noLease(_ text: String) -> BerthError {
        BerthError(.notFound, "there is no lease '\(text.prefix(80))'", hint: "see: berth lease list", field: "id")
    }

    func id(_ request: CoreRequest) throws(BerthError) -> String {
        guard let text = request.body["id"]?.string, !text.isEmpty else {
            throw BerthError(.invalid, "id is missing: whose \(request.verb) is meant?", field: "id")
        }
        return text
    }

    /// Refuses fields that a verb does not know.
    func check(_ request: CoreRequest, _ names: String...) throws(BerthError) {
        for field in request.body.object?.names ?? [] where !names.contains(field) {
            let meant = nearest(field, among: names).map { "did you mean '\($0)'?" }
            throw BerthError(
                .invalid, "there is no field '\(field.prefix(64))'", hint: meant ?? "known here: " + names.sorted().joined(separator: ", "),
                field: String(field.prefix(64)))
        }
    }

    // MARK: showing

    func show(_ entry: LeaseEntry) -> JSON {
        entry.lease.json(machines: entry.machines.map(\.machine))
    }

    func stored(_ id: LeaseID) throws(BerthError) -> JSON {
        guard let stored = try ledger.lease(id) else { throw noLease(id.description) }
        return stored.lease.json(machines: stored.machines)
    }

    private func showLease(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id")
        let text = try id(request)
        if let id = LeaseID(text), leases[id] == nil {
            guard let stored = try ledger.lease(id), request.sees(stored.lease.owner) else { throw noLease(text) }
            return answer(request.token, ["lease": stored.lease.json(machines: stored.machines)])
        }
        let entry = try live(request)
        // What is shown is durable: an answer in a draft waits for its commit.
        answer(request.token, ["lease": show(entry)])
    }

    private func listLeases(_ request: CoreRequest) throws(BerthError) {
        var fields = try Fields(request.body)
        var query = LeaseQuery(states: try states(&fields), owner: try owner(&fields, request), name: try fields.string("name"))
        query.limit = try limit(&fields)
        if let after = try fields.string("after") {
            guard let id = LeaseID(after) else { throw fields.failure("after", "must be the `next` of the page before") }
            query.after = id
        }
        try fields.finish()
        let page = try ledger.leases(query)
        let shown = page.elements.map { stored in
            // Machines that are not made yet are in memory alone.
            if let entry = leases[stored.lease.id], entry.durability.isDurable, !entry.lease.plan.seats.isEmpty { return show(entry) }
            return stored.lease.json(machines: stored.machines)
        }
        outbox.replies.append((request.token, .ok(["leases": .array(shown), "next": JSON(page.next)])))
    }

    func owner(_ fields: inout Fields, _ request: CoreRequest) throws(BerthError) -> String? {
        let asked = try fields.string("owner")
        return request.seesAll ? asked : request.owner
    }

    func limit(_ fields: inout Fields) throws(BerthError) -> Int {
        min(try fields.int("limit", in: 1...Int(Int32.max)) ?? 100, 1000)
    }

    private func states(_ fields: inout Fields) throws(BerthError) -> Set<LeaseState>? {
        guard let value = fields.value("state") else { return nil }
        let words = value.array?.compactMap(\.string) ?? value.string.map { [$0] } ?? []
        var states: Set<LeaseState> = []
        for word in words {
            guard let state = LeaseState(rawValue: word) else {
                throw fields.failure(
                    "state", "must be one of \(LeaseState.allCases.map(\.rawValue).joined(separator: ", ")), not '\(word)'")
            }
            states.insert(state)
        }
        return states.isEmpty ? nil : states
    }
}
