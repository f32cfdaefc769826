import Bus
import JSON
import Model
import Platform

// The lender's side, as time goes by: renewing, watching, and what our Scheduler says of the leases that members hold.
extension FederationComponent {
    /// `{"call":"renew","machines":[{"id","seconds"}],"ttl_ms"}` → `{"renewed":n,"refused":[{"id","reason"}],"ttl_ms"}`.
    func renew(_ request: Request, _ body: JSON, _ member: Member) {
        let most = ttl(of: member.name)
        let ttl = min(most, max(100, Int64(body["ttl_ms"]?.int ?? Int(most))))
        let now = Clock.monotonic
        var renewed = 0
        var refused: [JSON] = []
        for item in body["machines"]?.array ?? [] {
            guard let id = item["id"]?.string else { continue }
            if lending.renew(id, by: member.name, ttl: ttl, now: now) {
                renewed += 1
                if let seconds = item["seconds"]?.int { extend(id, member, until: now + Int64(seconds) * 1000) }
                continue
            }
            var why = "it is not lent any more"
            if let entry = lending[id] {
                if entry.member != member.name {
                    Log.warning(
                        "refused: a member asks about a machine that is not its own", ["member": member.name, "lease": id, "verb": "renew"])
                    why = "it is not held by \(member.name)"
                } else {
                    why = entry.ended ?? "it is being taken back"
                }
            }
            refused.append(["id": JSON(id), "reason": JSON(why)])
        }
        request.ok(["renewed": JSON(renewed), "refused": .array(refused), "ttl_ms": JSON(ttl)])
    }

    /// The holder's lease has another end than ours: ours follows, if our plan allows.
    private func extend(_ id: String, _ member: Member, until end: Int64) {
        let known = ends[id]
        guard known == nil || abs((known ?? 0) - end) > 3000 else { return }
        // Whatever comes of it, it is not asked for again until the holder wants something else.
        ends[id] = end
        let instant = Instant(milliseconds: Clock.real + (end - Clock.monotonic))
        let options = RequestOptions(deadline: 10_000, account: account(of: member))
        context.request("lease.update", ["id": JSON(id), "end": JSON(instant.description)], options) { answer in
            guard let error = answer.error else { return }
            Log.warning(
                "a lent machine cannot be extended", ["member": member.name, "lease": id, "until": "\(instant)", "reason": error.message])
        }
    }

    // MARK: - Watching

    /// `{"call":"watch","seen","wait_ms"}` → `{"seen"}`, when something of the member's has changed since, or after the wait.
    func watch(_ request: Request, _ body: JSON, _ member: Member) {
        guard body["seen"]?.string == seen(by: member) else { return request.ok(["seen": JSON(seen(by: member))]) }
        let wait = min(60_000, max(0, body["wait_ms"]?.int ?? 20_000))
        let number = request.number
        let timer = context.after(Int64(wait)) { [weak self] in
            guard let self, let index = member.watchers.firstIndex(where: { $0.request.number == number }) else { return }
            member.watchers.remove(at: index).request.ok(["seen": JSON(seen(by: member))])
        }
        member.watchers.append(Member.Watcher(request: request, timer: timer))
        // One connection has one watcher; older ones belong to connections that are gone.
        if member.watchers.count > 4 { member.watchers.removeFirst().request.fail(BerthError(.cancelled, "another watcher came")) }
    }

    /// Names a state of what the member holds; another life of this host names it anew.
    private func seen(by member: Member) -> String { "\(birth)-\(member.changes)" }

    private func changed(_ name: String) {
        guard let member = members[name] else { return }
        member.changes += 1
        guard !member.isWaking, !member.watchers.isEmpty else { return }
        member.isWaking = true
        // What happens together is told together.
        context.after(50) { [weak self] in
            member.isWaking = false
            self?.answerWatchers(member)
        }
    }

    func answerWatchers(_ member: Member) {
        let watchers = member.watchers
        member.watchers = []
        for watcher in watchers {
            context.cancel(watcher.timer)
            watcher.request.ok(["seen": JSON(seen(by: member))])
        }
    }

    // MARK: - What our Scheduler says

    private func holder(_ notice: Notice) -> String? {
        guard let owner = notice.owner, owner.hasPrefix("member:") else { return nil }
        return String(owner.dropFirst(7))
    }

    func hear(machine notice: Notice) {
        if let name = holder(notice) { changed(name) }
    }

    func hear(lease notice: Notice) {
        guard let name = holder(notice) else { return }
        let parts = notice.topic.split(separator: ".", maxSplits: 2)
        if parts.count == 3 {
            let id = String(parts[1])
            switch parts[2] {
            case "failed", "rejected":
                lending.ended(id, failure: notice.body["reason"]?.string ?? "it failed at \(settings.name)")
                ends[id] = nil
            case "done", "cancelled":
                lending.ended(id, failure: nil)
                ends[id] = nil
            default: break
            }
        }
        changed(name)
    }

    /// After a start: everything that members hold, from the ledger. Each has a whole time to live to renew.
    func loadLent(after: String? = nil) {
        let states: JSON = ["queued", "scheduled", "preparing", "active", "suspending", "suspended", "resuming"]
        context.request("lease.list", ["state": states, "limit": 1000, "after": JSON(after)], RequestOptions(deadline: 30_000)) {
            [weak self] answer in
            guard let self else { return }
            guard answer.isOK else {
                context.after(200) { [weak self] in self?.loadLent() }
                return
            }
            for lease in answer.body["leases"]?.array ?? [] {
                guard let owner = lease["owner"]?.string, owner.hasPrefix("member:") else { continue }
                keep(lease, of: String(owner.dropFirst(7)))
            }
            if let next = answer.body["next"]?.string { return loadLent(after: next) }
            isLoaded = true
            for entry in lending.entries.values where members[entry.member] == nil {
                reclaim(entry, "\(entry.member) is no member any more")
            }
        }
    }
}
