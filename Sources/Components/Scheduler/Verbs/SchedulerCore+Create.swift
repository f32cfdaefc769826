import JSON
import Ledger
import Model
import Planner

// `lease.create`: steps 2 to 7 of the way of a request.
extension SchedulerCore {
    func create(_ request: CoreRequest) throws(BerthError) {
        guard try attempt(request) == false else { return }
        // Only providers that are still starting could serve it: it waits for them.
        let patience = min(request.patience ?? settings.providersWait, 86_400_000)
        held[request.token] = request
        timers.add(.request(request.token), at: now.steady + max(0, patience - 50))
    }

    /// Tries what waits for providers again.
    func retryHeld() {
        for token in held.keys.sorted() { retryHeld(token, isLast: false) }
    }

    func retryHeld(_ token: Int, isLast: Bool) {
        guard let request = held[token] else { return }
        do throws(BerthError) {
            // Meanwhile its twin may have made the lease.
            if try answersAgain(request) {
                held[token] = nil
            } else if try attempt(request, isLast: isLast) {
                held[token] = nil
            }
        } catch {
            held[token] = nil
            refuse(token, error)
        }
    }

    private var someAreComing: Bool { providerOrder.contains { $0.isComing } }

    /// False: not now, and providers that may have room are still starting.
    private func attempt(_ request: CoreRequest, isLast: Bool = false) throws(BerthError) -> Bool {
        let asked = try read(request.body)
        try checkTimes(asked.terms)
        var lease = Lease(
            id: ids.lease(at: now.real), owner: request.owner, project: request.body["project"]?.string ?? request.owner,
            terms: asked.terms, created: now.real)
        let question: Plan.Request
        do throws(BerthError) {
            for (index, group) in asked.terms.groups.enumerated() { lease.plan.sizes.append(try size(of: group, at: index)) }
            question = try planRequest(lease)
        } catch {
            if !isLast, someAreComing, error.code == .retry || error.code == .invalid && error.message.hasPrefix("there is no") {
                return false
            }
            throw error
        }
        if let quota = settings.quotas["*"], settings.quotas[lease.project] == nil, plan.isUnknown(lease.project, in: &knownProjects) {
            plan.set(quota, project: lease.project)
        }
        if asked.dryRun {
            let decision = plan.tryOut(question, now: now.real)
            if case .refused(let refusal) = decision {
                if !isLast, someAreComing { return false }
                refuse(request.token, Self.error(refusal), details: Self.details(refusal, seen: seen(request)))
            } else {
                outbox.replies.append((request.token, .ok(dryAnswer(lease, decision))))
            }
            return true
        }
        switch plan.decide(question, now: now.real) {
        case .refused(let refusal):
            if !isLast, someAreComing { return false }
            refuse(request.token, Self.error(refusal), details: Self.details(refusal, seen: seen(request)))
        case .queued(let expected):
            let entry = enter(lease)
            entry.lease.start = expected
            makeSeats(entry)
            move(entry, to: .queued, reason: "waits for room")
            accept(request, entry)
        case .placed(let placement):
            let entry = enter(lease)
            place(entry, placement)
            makeSeats(entry)
            if placement.prepare <= now.real {
                begin(entry)
            } else {
                move(entry, to: .scheduled)
                note(entry)
            }
            accept(request, entry, noted: true)
        }
        return true
    }

    func read(_ body: JSON) throws(BerthError) -> LeaseRequest {
        var template: JSON?
        if let name = try LeaseRequest.templateName(of: body) {
            template = settings.templates[name] ?? templates[name]
            if template == nil {
                let meant = nearest(name, among: Array(settings.templates.keys) + Array(templates.keys)).map { "did you mean '\($0)'?" }
                throw BerthError(.invalid, "there is no template '\(name)'", hint: meant, field: "template")
            }
        }
        var body = body
        if body["project"] != nil { body["project"] = nil }
        return try LeaseRequest(body, template: template)
    }

    private func checkTimes(_ terms: LeaseTerms) throws(BerthError) {
        if case .members = terms.location, terms.kind == .advance || terms.kind == .deadline {
            throw BerthError(
                .invalid, "where must be local or anywhere for kind \(terms.kind.rawValue): members promise nothing ahead of time",
                hint: "ask for an immediate or a best-effort lease at a member", field: "where")
        }
        if terms.kind == .advance, let start = terms.start, start < now.real + -60_000 {
            throw BerthError(.invalid, "start is in the past: it is \(now.real) now", field: "start")
        }
        if let deadline = terms.deadline, deadline <= now.real {
            throw BerthError(.invalid, "deadline is in the past: it is \(now.real) now", field: "deadline")
        }
        if let until = terms.validUntil, until <= now.real {
            throw BerthError(.invalid, "valid_until is in the past: it is \(now.real) now", field: "valid_until")
        }
    }

    private func enter(_ lease: Lease) -> LeaseEntry {
        let entry = LeaseEntry(lease)
        leases[lease.id] = entry
        return entry
    }

    /// Each machine that is wanted has a place, with room or without.
    private func makeSeats(_ entry: LeaseEntry) {
        for (index, group) in entry.lease.terms.groups.enumerated() {
            let there = Set(entry.machines.filter { $0.machine.group == group.name }.map(\.machine.ordinal))
            for ordinal in 0..<group.count where !there.contains(ordinal) { newSeat(entry, group: index, ordinal: ordinal) }
        }
        rememberSeats(entry)
    }

    private func accept(_ request: CoreRequest, _ entry: LeaseEntry, noted: Bool = false) {
        changed(entry)
        if !noted { note(entry) }
        rememberLease(request, entry)
        give(request, entry)
    }

    // MARK: refusals

    static func error(_ refusal: Refusal) -> BerthError {
        let code: BerthError.Code = refusal.reason == .invalid ? .invalid : .exhausted
        let hint = refusal.earliest.map { "it could start at \($0)" } ?? refusal.offers.first.map { Self.words($0) }
        return BerthError(code, refusal.message, hint: hint)
    }

    private static func words(_ offer: Offer) -> String {
        switch offer.change {
        case .earlier, .later: "it could start at \(offer.start)"
        case .shorter: "it could run \((offer.duration ?? 0) / 1000) s"
        case .fewer: "\(offer.machines) \(offer.machines == 1 ? "machine has" : "machines have") room"
        }
    }

    /// Whose leases an answer may name: a client learns when room comes free, and not by whose lease it is held.
    func seen(_ request: CoreRequest) -> (String) -> Bool {
        { [leases] lease in request.seesAll || LeaseID(lease).flatMap { leases[$0] }?.lease.owner == request.owner }
    }

    static func details(_ refusal: Refusal, seen: (String) -> Bool) -> JSON {
        [
            "reason": JSON(refusal.reason.rawValue), "earliest": JSON(refusal.earliest?.description),
            "offers": .array(
                refusal.offers.map { offer in
                    [
                        "change": JSON(offer.change.rawValue), "start": JSON(offer.start.description),
                        "duration_s": JSON(offer.duration.map { Int($0 / 1000) }), "machines": JSON(offer.machines),
                        "price": JSON(offer.price),
                    ]
                }),
            "explanation": json(refusal.explanation, seen: seen),
        ]
    }

    /// Node by node and constraint by constraint.
    static func json(_ explanation: Explanation, seen: (String) -> Bool) -> JSON {
        let verdicts: [JSON] = explanation.verdicts.map { verdict in
            var json: JSON = [
                "provider": JSON(verdict.node.provider), "node": JSON(verdict.node.node), "group": JSON(verdict.group),
                "fits": JSON(verdict.fits),
            ]
            switch verdict.obstacle {
            case nil: json["obstacle"] = .null
            case .state(let state): json["obstacle"] = JSON("the node is \(state.rawValue)"); json["constraint"] = "state"
            case .member(let name):
                json["obstacle"] = JSON("not allowed at \(name.isEmpty ? "this host" : name)"); json["constraint"] = "where"
            case .requirement(let text): json["obstacle"] = JSON("\(text) does not hold"); json["constraint"] = "requirements"
            case .away(let lease): json["obstacle"] = JSON("must be away from \(lease)"); json["constraint"] = "away"
            case .size(let resource, let asked, let total):
                json["constraint"] = JSON(resource)
                json["asked"] = amount(asked, resource)
                json["total"] = amount(total, resource)
                json["obstacle"] = JSON(
                    "too small: \(resource) \(amount(asked, resource).text) asked, \(amount(total, resource).text) in all")
            case .room(let resource, let asked, let free, let at):
                json["constraint"] = JSON(resource)
                json["asked"] = amount(asked, resource)
                json["free"] = amount(free, resource)
                json["at"] = JSON(at.description)
                json["obstacle"] = JSON("\(resource) \(amount(asked, resource).text) asked, \(amount(free, resource).text) free")
            }
            json["holders"] = .array(
                verdict.holders.map { holder in
                    [
                        "lease": seen(holder.lease) ? JSON(holder.lease) : .null, "takes": holder.takes.json,
                        "until": JSON(holder.until?.description),
                    ]
                })
            return json
        }
        var summary = JSON.Object()
        for (name, count) in explanation.summary.sorted(by: { $0.key < $1.key }) { summary[name] = JSON(count) }
        return [
            "start": JSON(explanation.start?.description), "end": JSON(explanation.end?.description), "nodes": .array(verdicts),
            "summary": .object(summary), "quota": JSON(explanation.quota),
        ]
    }

    private static func amount(_ value: Int64, _ resource: String) -> JSON {
        resource == "cpus" ? (value % 1000 == 0 ? JSON(value / 1000) : JSON(Double(value) / 1000)) : JSON(value)
    }

    func dryAnswer(_ lease: Lease, _ decision: Decision) -> JSON {
        var answer: JSON = ["dry_run": true]
        switch decision {
        case .placed(let placement):
            answer["decision"] = "placed"
            answer["start"] = JSON(placement.start.description)
            answer["end"] = JSON(placement.end?.description)
            answer["price"] = JSON(placement.price)
            answer["preempts"] = JSON(placement.preempts)
            answer["machines"] = .array(
                placement.machines.map { machine in
                    [
                        "group": JSON(lease.terms.groups[machine.group].name), "provider": JSON(machine.node.provider),
                        "node": JSON(machine.node.node),
                    ]
                })
        case .queued(let expected):
            answer["decision"] = "queued"
            answer["start"] = JSON(expected?.description)
        case .refused: answer["decision"] = "refused"
        }
        return answer
    }
}

extension Plan {
    /// Whether a project is seen for the first time.
    func isUnknown(_ project: String, in known: inout Set<String>) -> Bool { known.insert(project).inserted }
}
