import Bus
import Frames
import JSON
import Model
import Platform

// The lender's side: what another host asks of us.
extension FederationComponent {
    /// `federation.lend {"call",…}`: the calls of `compute/1`, and `renew` and `watch`.
    func lend(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        guard isLoaded else { throw BerthError(.retry, "\(settings.name) is still reading what it has lent") }
        switch body["call"]?.string {
        case "health": request.ok(["document": .null])
        case "capacity": offer(request, member)
        case "catalog": tellImages(request)
        case "list": listLent(request, member, after: nil, lines: [])
        case "inspect":
            own(request, member, body["id"]?.string, "inspect") { lease in request.ok(["document": LentMachine.document(lease)]) }
        case "create": try create(request, body, member)
        case "action": try act(request, body, member)
        case "renew": renew(request, body, member)
        case "watch": watch(request, body, member)
        default: throw BerthError(.invalid, "'\(body["call"]?.string ?? "")' is no call between members", field: "call")
        }
    }

    func ttl(of member: String) -> Int64 { members[member]?.settings.ttl ?? settings.ttl }

    // MARK: - What there is

    private func offer(_ request: Request, _ member: Member) {
        context.request("scheduler.room", ["seconds": 3600], RequestOptions(deadline: 5000)) { [weak self] answer in
            guard let self else { return }
            guard answer.isOK else { return request.answer(answer) }
            var document = Offer.document(nodes(for: member, answer.body))
            // What is a lease here is not touched machine by machine: what its state is, the lease says.
            let known = Set(answer.body["capabilities"]?.array?.compactMap(\.string) ?? [])
            let verbs = ["start", "stop", "reboot", "suspend", "resume"].filter(known.contains)
            document["capabilities"] = JSON(["create", "destroy", "list", "inspect", "catalog", "events"] + verbs)
            document["ttl_ms"] = JSON(ttl(of: member.name))
            if !mayBorrow(member) { document["reason"] = JSON("\(settings.name) does not lend to \(member.name)") }
            request.ok(["document": document])
        }
    }

    /// Our nodes as the member sees them: what it holds and what it may still have.
    private func nodes(for member: Member, _ room: JSON) -> [Offer.Node] {
        var held: [String: Resources] = [:]
        for entry in lending.held(by: member.name) { held[entry.node ?? "", default: .zero] += entry.takes }
        var nodes: [Offer.Node] = []
        for json in room["nodes"]?.array ?? [] {
            guard let provider = json["provider"]?.string, let node = json["node"]?.string else { continue }
            let id = "\(provider)/\(node)"
            var free = Resources(json["free"] ?? .null)
            free.named = [:]
            var facts: JSON = .object(JSON.Object())
            for name in ["arch", "cpu_vendor", "cpu_mhz", "tags"] { facts[name] = json[name] }
            nodes.append(Offer.Node(id: id, facts: facts, free: free, held: held[id] ?? .zero))
        }
        return Offer.cut(nodes, to: left(for: member))
    }

    /// How much more the member may have by the limits; nothing where it may not borrow.
    private func left(for member: Member) -> Resources {
        guard mayBorrow(member) else { return .zero }
        let underWay = creating.filter { $0.key.hasPrefix("\(member.name)/") }.reduce(Resources.zero) { $0 + $1.value.takes }
        let all = creating.reduce(Resources.zero) { $0 + $1.value.takes }
        return member.settings.offer.left(of: lending.total(of: member.name) + underWay).smaller(
            settings.offer.left(of: lending.total + all))
    }

    private func tellImages(_ request: Request) {
        context.request("image.list", [:], RequestOptions(deadline: 10_000)) { answer in
            guard answer.isOK else { return request.answer(answer) }
            let images: [JSON] = (answer.body["images"]?.array ?? []).compactMap { image in
                guard let name = image["name"]?.string else { return nil }
                return ["id": JSON(name), "name": JSON(name)]
            }
            request.ok(["document": ["images": .array(images), "networks": [], "sizes": []]])
        }
    }

    // MARK: - Machines

    /// All that the member holds here, and what failed and it has not seen yet.
    private func listLent(_ request: Request, _ member: Member, after: String?, lines: [JSON]) {
        let states: JSON = ["queued", "scheduled", "preparing", "active", "suspending", "suspended", "resuming", "ending"]
        let question: JSON = ["state": states, "limit": 1000, "after": JSON(after)]
        context.request("lease.list", question, RequestOptions(deadline: 10_000, account: account(of: member))) { [weak self] answer in
            guard let self else { return }
            guard answer.isOK else { return request.answer(answer) }
            var lines = lines + (answer.body["leases"]?.array ?? []).map(LentMachine.document)
            if let next = answer.body["next"]?.string { return listLent(request, member, after: next, lines: lines) }
            for entry in lending.entries.values.sorted(by: { $0.lease < $1.lease }) where entry.member == member.name {
                guard let why = entry.ended else { continue }
                lines.append([
                    "id": JSON(entry.lease), "key": JSON(entry.key), "state": "error", "message": JSON(why), "node": JSON(entry.node),
                ])
            }
            request.ok(["lines": .array(lines)])
        }
    }

    /// A lease that the member holds. What is another's is refused, and named in the log.
    private func own(_ request: Request, _ member: Member, _ id: String?, _ verb: String, then body: @escaping (JSON) -> Void) {
        context.request("lease.show", ["id": JSON(id ?? "")], RequestOptions(deadline: 10_000)) { answer in
            guard answer.isOK, let lease = answer.body["lease"] else { return request.answer(answer) }
            guard lease["owner"]?.string == "member:\(member.name)" else {
                Log.warning(
                    "refused: a member asks about a machine that is not its own", ["member": member.name, "lease": id ?? "", "verb": verb])
                return request.fail(BerthError(.denied, "\(id ?? "") is not held by \(member.name)", field: "id"))
            }
            body(lease)
        }
    }

    // MARK: - Create

    private func create(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        guard let key = body["key"]?.string, UUID128(key) != nil else {
            throw BerthError(.invalid, "key is missing or no UUID", field: "key")
        }
        guard let spec = body["spec"], spec.object != nil else { throw BerthError(.invalid, "spec is missing", field: "spec") }
        let seconds = body["seconds"]?.int
        let name = "\(member.name)/\(key)"
        guard creating[name] == nil else {
            creating[name]?.requests.append(request)
            return
        }
        let lease = LentMachine.request(key: key, spec: spec, seconds: seconds, member: member.name)
        let takes = LentMachine.takes(lease)
        let refusal = refusal(takes, member)
        creating[name] = (takes, [request])
        if let refusal {
            // A repeated request gets its machine also where a new one would be refused.
            return find(key, member) { [weak self] found in self?.end(name, member, found ?? .failure(refusal)) }
        }
        let options = RequestOptions(deadline: 30_000, key: key, account: account(of: member))
        context.request("lease.create", lease, options) { [weak self] answer in
            guard let self else { return }
            if let error = answer.error {
                guard error.code == .conflict else { return end(name, member, .failure(error)) }
                // The key is known with other words, such as another duration: the machine is there already, or was.
                return find(key, member) { [weak self] found in
                    self?.end(name, member, found ?? .failure(BerthError(.retry, "the key \(key) is under way", cause: error)))
                }
            }
            end(name, member, .success(answer.body["lease"] ?? .null))
        }
    }

    private func refusal(_ takes: Resources, _ member: Member) -> BerthError? {
        guard mayBorrow(member) else {
            Log.warning("refused: the member may not borrow", ["member": member.name])
            return BerthError(.denied, "\(settings.name) does not lend to \(member.name)")
        }
        let left = left(for: member)
        guard takes.fits(in: left) else {
            return BerthError(
                .exhausted, "\(settings.name) lends \(member.name) no more: \(takes) asked, \(left.shown) left of what it offers")
        }
        return nil
    }

    /// The lease that a key made, in whatever state; nil: none. Every lease keeps its machine's key as its name, for ever.
    private func find(_ key: String, _ member: Member, then body: @escaping (Result<JSON, BerthError>?) -> Void) {
        context.request("lease.list", ["name": JSON(key), "limit": 1], RequestOptions(deadline: 10_000, account: account(of: member))) {
            answer in
            if let error = answer.error { return body(.failure(BerthError(.retry, "cannot look the key up", cause: error))) }
            body((answer.body["leases"]?[0]).map { .success($0) })
        }
    }

    /// Answers all who asked for the machine.
    private func end(_ name: String, _ member: Member, _ result: Result<JSON, BerthError>) {
        let requests = creating.removeValue(forKey: name)?.requests ?? []
        switch result {
        case .failure(let error): for request in requests { request.fail(error) }
        case .success(let lease):
            guard let id = lease["id"]?.string, let state = lease["state"]?.string else {
                for request in requests { request.fail(BerthError(.broken, "the scheduler answered no lease")) }
                return
            }
            let key = lease["name"]?.string ?? ""
            if ["done", "cancelled", "failed", "rejected"].contains(state) {
                Log.warning(
                    "refused: a replayed create; its machine is over", ["member": member.name, "key": key, "lease": id, "state": state])
                let why = lease["reason"]?.string.map { ": \($0)" } ?? ""
                for request in requests {
                    request.fail(BerthError(.conflict, "the key \(key) has had its machine, which is \(state)\(why)"))
                }
                return
            }
            if state == "ending" {
                for request in requests { request.fail(BerthError(.retry, "the machine \(key) is being taken away")) }
                return
            }
            if lending[id] == nil {
                keep(lease, of: member.name)
                Log.info("lent a machine", ["member": member.name, "lease": id, "key": key])
            }
            for request in requests { request.ok(["document": LentMachine.document(lease), "ttl_ms": JSON(ttl(of: member.name))]) }
        }
    }

    func keep(_ lease: JSON, of member: String) {
        guard let id = lease["id"]?.string else { return }
        lending.lend(
            Lending.Entry(
                lease: id, member: member, key: lease["name"]?.string ?? "", takes: LentMachine.takes(lease),
                node: lease["tags"]?[LentMachine.Tag.node]?.string, expires: Clock.monotonic + ttl(of: member)))
        if let end = lease["end"]?.string.flatMap({ Instant($0) }) { ends[id] = Clock.monotonic + (end.milliseconds - Clock.real) }
    }

    // MARK: - Actions

    private func act(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        guard let verb = body["verb"]?.string else { throw BerthError(.invalid, "verb is missing", field: "verb") }
        let id = body["id"]?.string
        own(request, member, id, verb) { [weak self] lease in
            guard let self, let id else { return }
            if verb == "destroy" { return giveBack(request, member, id, lease) }
            let options = RequestOptions(deadline: Int(clamping: request.remaining ?? 120_000), account: account(of: member))
            switch verb {
            case "suspend", "resume":
                context.request("lease.\(verb)", ["id": JSON(id), "wait": true], options) { answer in
                    guard answer.isOK else { return request.answer(answer) }
                    request.ok(["document": LentMachine.document(answer.body["lease"] ?? .null)])
                }
            case "start", "stop", "reboot":
                let machine = lease["machines"]?.array?.last?["id"] ?? .null
                context.request("machine.action", ["id": machine, "verb": JSON(verb)], options) { [weak self] answer in
                    guard answer.isOK else { return request.answer(answer) }
                    self?.own(request, member, id, verb) { request.ok(["document": LentMachine.document($0)]) }
                }
            default: request.fail(BerthError(.unsupported, "'\(verb)' is not for machines of a member"))
            }
        }
    }

    private func giveBack(_ request: Request, _ member: Member, _ id: String, _ lease: JSON) {
        func done() {
            lending.forget(id)
            ends[id] = nil
            request.ok(["document": .null])
        }
        if ["done", "cancelled", "failed", "rejected"].contains(lease["state"]?.string) { return done() }
        let options = RequestOptions(deadline: Int(clamping: request.remaining ?? 120_000), account: account(of: member))
        context.request("lease.cancel", ["id": JSON(id), "reason": JSON("given back by \(member.name)"), "wait": true], options) { answer in
            // It was over in that moment: the next try sees so.
            guard answer.isOK || answer.error?.code == .conflict else { return request.answer(answer) }
            guard answer.isOK else { return request.fail(BerthError(.retry, "the machine is just ending", cause: answer.error)) }
            done()
        }
    }

    /// Takes a machine back: the holder is gone, or is none any more.
    func reclaim(_ entry: Lending.Entry, _ why: String) {
        Log.warning("taking a lent machine back", ["member": entry.member, "lease": entry.lease, "key": entry.key, "reason": why])
        let options = RequestOptions(deadline: 30_000, account: Account(owner: "member:\(entry.member)", role: .client))
        context.request("lease.cancel", ["id": JSON(entry.lease), "reason": JSON(why)], options) { [weak self] answer in
            guard let self, let error = answer.error else { return }
            if error.code == .conflict || error.code == .notFound { return lending.ended(entry.lease, failure: nil) }
            lending.retry(entry.lease, at: Clock.monotonic + 1000)
        }
    }
}

extension Resources {
    /// For people: what has no bound is left out.
    fileprivate var shown: String {
        let parts = amounts.filter { $0.1 < Resources.unlimited }.map { name, value in
            name == "cpus" ? "\(Resources.decimal(value)) cpus" : name == "machines" ? "\(value) machines" : "\(value) \(name)"
        }
        return parts.joined(separator: ", ")
    }
}
