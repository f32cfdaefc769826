import JSON
import Ledger
import Model
import Planner

// Verbs that change a lease.
extension SchedulerCore {
    func cancel(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "wait", "reason")
        let entry = try live(request)
        let reason = request.body["reason"]?.string ?? "cancelled by \(request.owner)"
        finish(entry, as: .cancelled, reason: reason)
        reply(request, entry)
    }

    /// Answers with the lease as it is now, or with `wait` when it has got there; in either case once that is durable.
    private func reply(_ request: CoreRequest, _ entry: LeaseEntry) {
        rememberLease(request, entry)
        give(request, entry)
    }

    func suspendLease(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "wait")
        let entry = try live(request)
        switch entry.lease.state {
        case .suspended, .suspending:
            if entry.lease.state == .suspended, !entry.lease.plan.asleep {
                // It made room for others; now its owner wants it to stay so.
                entry.lease.plan.asleep = true
                changed(entry)
                _ = plan.suspend(entry.key, now: now.real)
            }
        case .active:
            for machine in entry.live {
                guard let name = machine.machine.provider, providers[name]?.can("suspend") != true else { continue }
                throw BerthError(
                    .unsupported, "\(describe(machine)) cannot be suspended: the driver of provider \(name) has no suspend",
                    hint: "cancel the lease, or stop its machines: berth machines action ID stop")
            }
            guard plan.suspend(entry.key, now: now.real) != nil else {
                throw BerthError(.conflict, "the lease \(entry.lease.name) cannot be suspended now")
            }
            entry.lease.plan.asleep = true
            suspend(entry, reason: "suspended by \(request.owner)")
            planIsDue = true
        default:
            throw BerthError(
                .conflict, "the lease \(entry.lease.name) is \(entry.lease.state.rawValue): only an active one can be suspended")
        }
        reply(request, entry)
    }

    func resumeLease(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "wait")
        let entry = try live(request)
        switch entry.lease.state {
        case .active, .resuming: break
        case .suspended:
            if entry.lease.plan.asleep {
                _ = plan.wake(entry.key, now: now.real)
                entry.lease.plan.asleep = false
                entry.lease.reason = "waits for room to resume"
                changed(entry)
                note(entry)
                planIsDue = true
                runPlan()
            }
        default:
            throw BerthError(
                .conflict, "the lease \(entry.lease.name) is \(entry.lease.state.rawValue): only a suspended one can be resumed")
        }
        reply(request, entry)
    }

    // MARK: update

    /// Re-times, shortens, widens: all of it, or refused with offers and nothing changed.
    func update(_ request: CoreRequest) throws(BerthError) {
        var fields = try Fields(request.body)
        _ = try fields.string("id")
        let entry = try live(request)
        let lease = entry.lease
        guard [.queued, .scheduled, .preparing, .active].contains(lease.state) else {
            throw BerthError(.conflict, "the lease \(lease.name) is \(lease.state.rawValue) and cannot be changed")
        }
        var terms = lease.terms
        var change = Change()
        let start = try fields.instant("start")
        let end = try fields.instant("end")
        let duration = try fields.int("duration_s", in: 1...(100 * 366 * 86_400))
        if end != nil, duration != nil { throw fields.failure("end", "and duration_s exclude each other") }
        if let name = try fields.string("name") { terms.name = name }
        if let tags = try fields.dictionary("tags") { terms.tags = tags }
        try readCounts(&fields, &terms, &change)
        try fields.finish()
        if let start {
            guard lease.state == .scheduled || lease.state == .queued else {
                throw fields.failure("start", "cannot change: the lease has begun")
            }
            guard terms.kind == .advance else { throw fields.failure("start", "is for kind advance; this lease is \(terms.kind.rawValue)") }
            change.start = start
            terms.start = start
        }
        let begins = start ?? lease.start ?? lease.terms.start ?? now.real
        if let duration {
            terms.duration = duration
            change.end = begins + Int64(duration) * 1000
        } else if let end {
            guard end > max(begins, now.real) else { throw fields.failure("end", "must be after the start and after now") }
            terms.duration = Int((end - begins) / 1000)
            change.end = end
        }
        if let newEnd = change.end, newEnd <= now.real { throw fields.failure("duration_s", "would end before now") }
        let resized = terms.elastic?.reserve == true && terms.groups != lease.terms.groups
        if change != Change(), lease.state == .queued || lease.state == .scheduled && terms.kind == .deadline {
            try requestAnew(entry, terms)
        } else if change != Change() {
            switch plan.change(entry.key, change, now: now.real) {
            case .placed(let placement): apply(entry, terms, placement)
            case .queued(let expected): entry.lease.start = expected
            case .refused(let refusal):
                return refuse(request.token, Self.error(refusal), details: Self.details(refusal, seen: seen(request)))
            }
        }
        entry.lease.terms = terms
        if resized, [.preparing, .active].contains(entry.lease.state) { fillReserved(entry) }
        changed(entry)
        note(entry, ["updated": true])
        planIsDue = true
        reply(request, entry)
    }

    private func readCounts(_ fields: inout Fields, _ terms: inout LeaseTerms, _ change: inout Change) throws(BerthError) {
        if let count = try fields.int("count", in: 1...10_000) {
            guard terms.groups.count == 1 else { throw fields.failure("count", "is for leases with one group: give groups") }
            try setCount(count, group: 0, &terms, &change, fields)
        }
        for (index, value) in (try fields.array("groups", atMost: 64) ?? []).enumerated() {
            var inner = try Fields(value, path: "groups[\(index)]")
            guard let name = try inner.string("name"), let group = terms.groups.firstIndex(where: { $0.name == name }) else {
                throw inner.failure("name", "must be one of \(terms.groups.map(\.name).joined(separator: ", "))")
            }
            guard let count = try inner.int("count", in: 1...10_000) else { throw inner.failure("count", "is missing") }
            try inner.finish()
            try setCount(count, group: group, &terms, &change, fields)
        }
    }

    private func setCount(
        _ count: Int, group: Int, _ terms: inout LeaseTerms, _ change: inout Change, _ fields: Fields
    ) throws(BerthError) {
        guard terms.groups[group].count != count else { return }
        if let elastic = terms.elastic, !(elastic.min...elastic.max).contains(count) {
            throw fields.failure("count", "must be from \(elastic.min) to \(elastic.max), as the lease is elastic")
        }
        terms.groups[group].count = count
        // What an elastic lease keeps room for is in the plan already.
        if terms.elastic?.reserve != true { change.counts[group] = count }
    }

    /// A lease that waits is asked for again; refused, it stays as it was.
    private func requestAnew(_ entry: LeaseEntry, _ terms: LeaseTerms) throws(BerthError) {
        var lease = entry.lease
        lease.terms = terms
        let fresh = try planRequest(lease)
        plan.end(entry.key, now: now.real)
        let decision = plan.decide(fresh, now: now.real)
        switch decision {
        case .placed(let placement):
            apply(entry, terms, placement)
            if placement.prepare <= now.real { begin(entry) } else if entry.lease.state == .queued { schedule(entry) }
        case .queued(let expected):
            entry.lease.terms = terms
            entry.lease.start = expected
            reseat(entry)
        case .refused(let refusal):
            _ = plan.decide(try planRequest(entry.lease), now: now.real)
            throw Self.error(refusal)
        }
    }

    private func apply(_ entry: LeaseEntry, _ terms: LeaseTerms, _ placement: Placement) {
        entry.lease.terms = terms
        for machine in entry.live where !isWanted(machine) { unwanted(machine, as: .done) }
        place(entry, placement)
        if [.preparing, .active].contains(entry.lease.state) {
            let fresh = entry.machines.filter { $0.machine.state == .open && $0.machine.provider != nil && isWanted($0) }
            for machine in fresh { spawn(machine) }
            rememberSeats(entry)
            if !fresh.isEmpty {
                entry.preparesSince = now.steady
                armTimers(entry)
            }
        } else {
            reseat(entry)
        }
    }

    private func reseat(_ entry: LeaseEntry) {
        for machine in entry.live where !isWanted(machine) { unwanted(machine, as: .done) }
        for (index, group) in entry.lease.terms.groups.enumerated() {
            let there = Set(entry.live.filter { $0.machine.group == group.name }.map(\.machine.ordinal))
            for ordinal in 0..<group.count where !there.contains(ordinal) { newSeat(entry, group: index, ordinal: ordinal) }
        }
        rememberSeats(entry)
    }

    /// The Monitor's word: an elastic lease wants more machines, or fewer.
    func scale(_ request: CoreRequest) throws(BerthError) {
        let entry = try live(request)
        guard let elastic = entry.lease.terms.elastic, let count = request.body["count"]?.int, entry.lease.state == .active else {
            throw BerthError(.conflict, "the lease is not elastic and active")
        }
        let wanted = min(max(count, elastic.min), elastic.max)
        var terms = entry.lease.terms
        guard terms.groups[0].count != wanted else { return answer(request.token, ["count": JSON(wanted)]) }
        terms.groups[0].count = wanted
        if elastic.reserve {
            entry.lease.terms = terms
            fillReserved(entry)
        } else {
            switch plan.change(entry.key, Change(counts: [0: wanted]), now: now.real) {
            case .placed(let placement): apply(entry, terms, placement)
            case .queued: break
            case .refused(let refusal): throw Self.error(refusal)
            }
        }
        entry.lease.terms = terms
        changed(entry)
        note(entry, ["count": JSON(wanted), "because": JSON(request.body["because"]?.string ?? "of its load")])
        answer(request.token, ["count": JSON(wanted)])
    }

    /// An elastic lease that keeps room for its most machines has another count: machines come and go within that room.
    private func fillReserved(_ entry: LeaseEntry) {
        let fresh = entry.machines.filter { $0.machine.state == .open && $0.machine.provider != nil && isWanted($0) }
        for machine in fresh { spawn(machine) }
        for machine in entry.live where !isWanted(machine) && machine.machine.state != .open {
            let node = machine.nodeID
            let ordinal = machine.machine.ordinal
            unwanted(machine, as: .done)
            // Its room stays kept.
            let seat = newSeat(entry, group: 0, ordinal: ordinal)
            seat.machine.provider = node?.provider
            seat.machine.node = node?.node
        }
        rememberSeats(entry)
        guard !fresh.isEmpty else { return }
        entry.preparesSince = now.steady
        armTimers(entry)
    }

    // MARK: explain and save

    func explain(_ request: CoreRequest) throws(BerthError) {
        if request.body["id"] != nil {
            try check(request, "id")
            let entry = try live(request)
            let explanation = plan.explain(try planRequest(entry.lease), now: now.real)
            return outbox.replies.append(
                (
                    request.token,
                    .ok([
                        "lease": show(entry), "expected": JSON(entry.lease.start?.description),
                        "explanation": Self.json(explanation, seen: seen(request)),
                    ])
                ))
        }
        // A request that is only thought of: what would come of it, and why.
        let asked = try read(request.body)
        var lease = Lease(
            id: ids.lease(at: now.real), owner: request.owner, project: request.owner, terms: asked.terms, created: now.real)
        for (index, group) in asked.terms.groups.enumerated() { lease.plan.sizes.append(try size(of: group, at: index)) }
        let question = try planRequest(lease)
        var body: JSON
        switch plan.tryOut(question, now: now.real) {
        case .refused(let refusal):
            body = Self.details(refusal, seen: seen(request))
            body["decision"] = "refused"
            body["message"] = JSON(refusal.message)
        case let decision:
            body = dryAnswer(lease, decision)
            body["explanation"] = Self.json(plan.explain(question, now: now.real), seen: seen(request))
        }
        outbox.replies.append((request.token, .ok(body)))
    }

    func save(_ request: CoreRequest) throws(BerthError) {
        try check(request, "id", "name")
        guard let name = request.body["name"]?.string, !name.isEmpty, name.utf8.count <= 63 else {
            throw BerthError(.invalid, "name is missing: what is the template to be called?", field: "name")
        }
        guard settings.templates[name] == nil else {
            throw BerthError(.conflict, "the configuration has a template '\(name)' already", hint: "choose another name", field: "name")
        }
        let text = try id(request)
        let terms: LeaseTerms
        if let id = LeaseID(text), leases[id] == nil {
            guard let stored = try ledger.lease(id), request.sees(stored.lease.owner) else { throw noLease(text) }
            terms = stored.lease.terms
        } else {
            terms = try live(request).lease.terms
        }
        var template = terms.document
        // Dates belong to that one lease.
        for field in ["start", "deadline", "valid_from", "valid_until", "template", "name"] { template[field] = nil }
        templates[name] = template
        draft.records.append(Record(kind: "template", id: name, document: template))
        let body: JSON = ["template": JSON(name), "request": template]
        remember(request, body)
        answer(request.token, body)
    }
}
