import Bus
import JSON
import Model
import Platform

// `member.*`: for people.
extension FederationComponent {
    func list(_ request: Request, _ body: JSON) throws(BerthError) {
        var fields = try Fields(body)
        let limit = min(try fields.int("limit", in: 1...Int(Int32.max)) ?? 100, 1000)
        let after = try fields.string("after") ?? ""
        try fields.finish()
        let rest = memberOrder.filter { $0.name > after }
        let shown = rest.prefix(limit)
        request.ok([
            "members": .array(shown.map { describe($0, for: request.account) }),
            "next": JSON(shown.count < rest.count ? shown.last?.name : nil), "self": JSON(settings.name),
        ])
    }

    func show(_ request: Request, _ body: JSON) throws(BerthError) {
        var fields = try Fields(body)
        let name = try fields.string("name")
        try fields.finish()
        let member = try find(name)
        var shown = describe(member, for: request.account)
        if request.account.seesAll {
            shown["offer"] = member.settings.offer.json
            shown["accept"] = member.settings.accept.json
            shown["capacity"] = member.capacity
            shown["holds"] = .array(
                lending.held(by: member.name).map {
                    [
                        "lease": JSON($0.lease), "key": JSON($0.key), "takes": $0.takes.json,
                        "expires_s": JSON(max(0, $0.expires - Clock.monotonic) / 1000),
                    ]
                })
        }
        request.ok(["member": shown])
    }

    func find(_ name: String?) throws(BerthError) -> Member {
        guard let name, !name.isEmpty else { throw BerthError(.invalid, "name is missing: which member?", field: "name") }
        guard let member = members[name] else {
            let meant = nearest(name, among: Array(members.keys)).map { "did you mean '\($0)'?" }
            throw BerthError(.notFound, "there is no member '\(name.prefix(64))'", hint: meant ?? "see: berth members", field: "name")
        }
        return member
    }

    private func describe(_ member: Member, for account: Account) -> JSON {
        let entry = registry.entries[member.name]
        var json: JSON = [
            "name": JSON(member.name), "state": entry == nil ? (member.answered == nil ? "unknown" : "expired") : "alive",
            "address": JSON(member.address ?? member.settings.address ?? entry?.presence.address),
            "rendezvous": JSON(member.settings.isRendezvous || entry?.presence.isRendezvous == true),
            "lends": JSON(member.link.rawValue), "cpus": .null, "memory_mib": .null, "free": member.free.json,
            "lent": lending.total(of: member.name).json, "may_borrow": JSON(mayBorrow(member)),
            "heard_s": JSON(entry.map { Int(max(0, Clock.monotonic - $0.heard) / 1000) }), "reason": JSON(member.reason),
        ]
        if let presence = entry?.presence, presence.sequence > 0 {
            let shown = presence.json
            json["cpus"] = shown["cpus"]
            json["memory_mib"] = shown["memory_mib"]
        }
        if account.seesAll {
            json["key"] = JSON(CurveKeys.hex(of: member.settings.key))
            json["configured"] = JSON(member.settings.isConfigured)
        }
        return json
    }

    func mayBorrow(_ member: Member) -> Bool {
        member.settings.mayBorrow && settings.allowed?.contains(member.name) ?? true
    }

    // MARK: - Joining

    /// `member.invite {"address"}` → `{"line"}`: for the operator of another host.
    func invite(_ request: Request, _ body: JSON) throws(BerthError) {
        var fields = try Fields(body)
        let given = try fields.string("address")
        try fields.finish()
        let pair = try store.keys.makeHostKeys()
        keys = pair
        let address = given ?? settings.address
        let line = try Invitation(parsing: Invitation(name: settings.name, address: address, key: pair.publicKey).description)
        request.ok(["line": JSON(line.description), "name": JSON(line.name), "address": JSON(line.address)])
    }

    /// `member.accept {"line","rendezvous","may_borrow","offer","accept"}`: from now on that host is a member.
    func accept(_ request: Request, _ body: JSON) throws(BerthError) {
        var fields = try Fields(body)
        guard let text = try fields.string("line", atMost: 512) else { throw fields.failure("line", "is missing") }
        let invitation = try Invitation(parsing: text)
        var member = MemberSettings(name: invitation.name, key: invitation.key, address: invitation.address)
        member.isRendezvous = try fields.bool("rendezvous") ?? false
        member.mayBorrow = try fields.bool("may_borrow") ?? true
        member.offer = try limit(&fields, "offer")
        member.accept = try limit(&fields, "accept")
        try fields.finish()
        guard member.name != settings.name else {
            throw BerthError(
                .conflict, "this host itself is called '\(member.name)'", hint: "each member needs a name of its own: name in [federation]",
                field: "line")
        }
        guard members[member.name]?.settings.isConfigured != true else {
            throw BerthError(.conflict, "the configuration has [member \(member.name)]", hint: "change it there", field: "line")
        }
        if let known = members[member.name], known.settings.key != member.key {
            throw BerthError(
                .conflict, "there is a member '\(member.name)' with another key",
                hint: "berth members remove \(member.name) first, if it is really a new one", field: "line")
        }
        let accepted = member
        context.request("provider.show", ["name": JSON(member.name)], RequestOptions(deadline: 5000)) { [weak self] answer in
            guard let self else { return }
            guard !answer.isOK else {
                return request.fail(
                    BerthError(
                        .conflict, "a provider of this host is called '\(accepted.name)'", hint: "members and providers share their names",
                        field: "line"))
            }
            do throws(BerthError) {
                try enter(request, accepted)
            } catch {
                request.fail(error)
            }
        }
    }

    private func enter(_ request: Request, _ member: MemberSettings) throws(BerthError) {
        let ours = try store.keys.makeHostKeys()
        keys = ours
        try store.allow(member)
        try store.save(member)
        takeMembers()
        note(member.name, "accepted", ["by": JSON(request.account.owner), "address": JSON(member.address)])
        if let member = members[member.name] { probe(member) }
        let reply = Invitation(name: settings.name, address: settings.address, key: ours.publicKey)
        request.ok(["name": JSON(member.name), "line": JSON(reply.description)])
    }

    private func limit(_ fields: inout Fields, _ name: String) throws(BerthError) -> Limit {
        guard let value = fields.value(name) else { return Limit() }
        var inner = try Fields(value, path: fields.full(name))
        for amount in ["cpus", "memory_mib", "disk_gib", "machines"] {
            if let value = inner.value(amount), (value.double ?? -1) < 0 { throw inner.failure(amount, "must be a number from 0") }
        }
        try inner.finish()
        return Limit(value)
    }

    func remove(_ request: Request, _ body: JSON) throws(BerthError) {
        var fields = try Fields(body)
        let name = try fields.string("name")
        try fields.finish()
        let member = try find(name)
        guard !member.settings.isConfigured else {
            throw BerthError(
                .conflict, "the configuration has [member \(member.name)]", hint: "take it out there, and berth plugins reload",
                field: "name")
        }
        store.remove(member.name)
        takeMembers()
        request.ok(["name": JSON(member.name)])
    }
}
