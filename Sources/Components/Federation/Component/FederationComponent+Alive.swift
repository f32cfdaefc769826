import Bus
import JSON
import Model
import Platform

// Who is alive: what we say, what we hear, and what the rendezvous tell each other.
extension FederationComponent {
    /// Once a period: says that we live, asks who else does, and asks each member what it has for us.
    func beat() {
        context.after(settings.period) { [weak self] in self?.beat() }
        context.request("scheduler.room", ["seconds": 3600], RequestOptions(deadline: 2000)) { [weak self] answer in
            guard let self else { return }
            if answer.isOK { measure(answer.body) }
            presence.sequence = max(presence.sequence + 1, Clock.real)
            for member in memberOrder { connect(member) }
            for member in toldOf { sayAlive(to: member) }
            for member in memberOrder { probe(member) }
        }
    }

    private func measure(_ body: JSON) {
        (presence.idle, presence.inUse) = (.zero, .zero)
        for node in body["nodes"]?.array ?? [] {
            let (total, free) = (Resources(node["total"] ?? .null), Resources(node["free"] ?? .null))
            presence.idle += free
            presence.inUse += total.minusBounded(free)
        }
    }

    /// The rendezvous that we know; where there is none, every member is told itself.
    private var toldOf: [Member] {
        let rendezvous = memberOrder.filter { $0.settings.isRendezvous }
        return rendezvous.isEmpty && !settings.isRendezvous ? memberOrder : rendezvous
    }

    private func sayAlive(to member: Member) {
        // What waits for its way would be old when it arrives.
        guard member.client != nil, !member.isTold else { return }
        member.isTold = true
        let deadline = Int(max(1000, settings.period))
        ask(member, "federation.alive", presence.json, deadline: deadline) { [weak self] answer in
            member.isTold = false
            guard let self else { return }
            if let error = answer.error {
                // Our clock was set back since we last spoke there: go on from the number that it knows.
                if error.code == .conflict, let last = error.native.flatMap({ Int64($0) }) {
                    presence.sequence = max(presence.sequence, last)
                }
                return
            }
            guard member.settings.isRendezvous else { return }
            askWho(member, after: nil)
            if settings.isRendezvous { sendSync(to: member, after: nil) }
        }
    }

    private func askWho(_ member: Member, after: String?) {
        ask(member, "federation.who", ["limit": 200, "after": JSON(after)], deadline: 5000) { [weak self] answer in
            guard let self, answer.isOK else { return }
            merge(answer.body)
            if let next = answer.body["next"]?.string, next > after ?? "" { askWho(member, after: next) }
        }
    }

    private func sendSync(to member: Member, after: String?) {
        let page = registry.page(after: after, limit: 200)
        ask(member, "federation.sync", ["members": .array(page.entries.map(shown))], deadline: 5000) { [weak self] _ in
            if let next = page.next { self?.sendSync(to: member, after: next) }
        }
    }

    private func shown(_ entry: Registry.Entry) -> JSON {
        var json = entry.presence.json
        json["age_ms"] = JSON(max(0, Clock.monotonic - entry.heard))
        return json
    }

    /// Takes what another host says of third ones; only members of ours count.
    private func merge(_ body: JSON) {
        for json in body["members"]?.array ?? [] {
            var json = json
            let age = Int64(json["age_ms"]?.int ?? 0)
            json["age_ms"] = nil
            guard let presence = try? Presence(json), presence.name != settings.name, members[presence.name] != nil else { continue }
            if registry.merge(presence, age: age, now: Clock.monotonic) { appeared(presence.name) }
        }
    }

    // MARK: - Answering

    /// `federation.alive PRESENCE` → `{"period_ms"}`.
    func hearAlive(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        let presence = try Presence(body)
        guard presence.name == member.name else {
            Log.warning("refused: a member says that it is another", ["member": member.name, "claims": presence.name])
            throw BerthError(.denied, "the key is \(member.name)'s, not \(presence.name)'s", field: "name")
        }
        do throws(BerthError) {
            if try registry.alive(presence, now: Clock.monotonic) {
                // It knows us: a way that it refused before may be open now.
                if member.link != .ready { disconnect(member) }
                appeared(member.name)
            }
        } catch {
            Log.warning(
                "refused: a replayed sign of life", ["member": member.name, "sequence": "\(presence.sequence)", "hint": error.hint ?? ""])
            throw error
        }
        request.ok(["period_ms": JSON(settings.period), "rendezvous": JSON(settings.isRendezvous)])
    }

    /// `federation.who {"limit","after"}` → `{"members":[PRESENCE with age_ms],"next"}`.
    func tellWho(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        var fields = try Fields(body)
        let limit = min(try fields.int("limit", in: 1...Int(Int32.max)) ?? 100, 1000)
        let after = try fields.string("after")
        try fields.finish()
        let page = registry.page(after: after, limit: limit)
        request.ok(["members": .array(page.entries.map(shown)), "next": JSON(page.next)])
    }

    /// `federation.sync {"members"}`: one rendezvous tells another all that it knows.
    func synchronise(_ request: Request, _ body: JSON, _ member: Member) throws(BerthError) {
        guard settings.isRendezvous else {
            throw BerthError(.unsupported, "\(settings.name) is no rendezvous", hint: "rendezvous = yes in its [federation]")
        }
        merge(body)
        request.ok()
    }

    // MARK: - Changes

    func appeared(_ name: String) {
        guard let member = members[name] else { return }
        note(name, "alive", ["address": JSON(registry.entries[name]?.presence.address)])
        connect(member)
        probe(member)
    }

    /// An answer is the best sign of life.
    func heard(_ member: Member) {
        let now = Clock.monotonic
        member.answered = now
        guard members[member.name] === member else { return }
        if registry.touch(member.name, address: member.address, period: settings.period, now: now) { appeared(member.name) }
    }

    /// Ends what nobody heard of, and what nobody renewed.
    func sweep() {
        let now = Clock.monotonic
        for entry in registry.expire(now: now) where members[entry.presence.name] != nil {
            note(entry.presence.name, "expired", ["heard_s": JSON((now - entry.heard) / 1000)])
        }
        for entry in lending.due(now: now) {
            let ttl = self.ttl(of: entry.member) / 1000
            reclaim(entry, "\(entry.member) did not renew it within \(ttl) s")
        }
        context.after(min(1000, max(50, settings.period / 4))) { [weak self] in self?.sweep() }
    }
}
