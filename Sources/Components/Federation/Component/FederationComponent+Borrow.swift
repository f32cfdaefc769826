import Bus
import JSON
import Model
import Platform

// The borrower's side: calls of our Scheduler to a member, and the renewing of what it has lent us.
extension FederationComponent {
    /// `federation.call {"provider","call",…}`: as `driver.call`, but at a member.
    func call(_ request: Request, _ body: JSON) throws(BerthError) {
        guard let name = body["provider"]?.string, let member = members[name] else {
            // A member that is gone from the file keeps its machines, as a provider would: nobody knows.
            throw BerthError(.unreachable, "there is no member '\(body["provider"]?.string ?? "")' any more")
        }
        var body = body
        body["provider"] = nil
        switch body["call"]?.string {
        case "create": create(request, member, body)
        case "capacity":
            forward(request, member, body, deadline: 15_000) { [weak self] document in
                guard let self else { return document }
                return Offer.cut(document, toAtMost: members[name]?.settings.accept ?? Limit()).document
            }
        case "action": forward(request, member, body, deadline: 120_000)
        default: forward(request, member, body, deadline: 30_000)
        }
    }

    private func forward(
        _ request: Request, _ member: Member, _ body: JSON, deadline: Int, change: @escaping (JSON) -> JSON = { $0 }
    ) {
        let deadline = min(deadline, Int(clamping: request.remaining ?? .max))
        ask(member, "federation.lend", body, deadline: deadline) { answer in
            guard answer.isOK, let document = answer.body["document"] else { return request.answer(answer) }
            request.ok(["document": change(document)])
        }
    }

    /// A create tells how long the machine is wanted, so that the lender knows whether it has the room for so long.
    private func create(_ request: Request, _ member: Member, _ body: JSON) {
        let lease = body["spec"]?["tags"]?["berth.lease"] ?? .null
        context.request("lease.show", ["id": lease], RequestOptions(deadline: 10_000)) { [weak self] answer in
            guard let self else { return }
            var body = body
            if let end = answer.body["lease"]?["end"]?.string.flatMap({ Instant($0) }) {
                body["seconds"] = JSON(max(1, (end.milliseconds - Clock.real + 999) / 1000))
            }
            picker.chose(member.name)
            forward(request, member, body, deadline: 60_000)
        }
    }

    // MARK: - Renewing

    /// The time to live of what a member lends: its word and ours, whichever is shorter.
    private func ttl(at member: Member) -> Int64 { min(settings.ttl, member.ttl ?? .max) }

    /// Renews four times within each time to live.
    func renewAll() {
        context.after(min(1000, max(100, settings.ttl / 8))) { [weak self] in self?.renewAll() }
        let now = Clock.monotonic
        let due = memberOrder.filter { $0.client != nil && !$0.isRenewed && now - $0.renewed >= ttl(at: $0) / 4 }
        guard !due.isEmpty else { return }
        for member in due {
            member.renewed = now
            renew(member, after: nil, held: [])
        }
    }

    /// Everything that our Scheduler holds at the member, page by page, then one message.
    private func renew(_ member: Member, after: String?, held: [JSON]) {
        member.isRenewed = true
        let question: JSON = ["provider": JSON(member.name), "after": JSON(after)]
        context.request("scheduler.held", question, RequestOptions(deadline: 10_000)) { [weak self] answer in
            guard let self else { return }
            member.isRenewed = false
            guard answer.isOK else { return }
            let held = held + (answer.body["machines"]?.array ?? [])
            if let next = answer.body["next"]?.string { return renew(member, after: next, held: held) }
            guard !held.isEmpty, members[member.name] === member else { return }
            send(renewals: held, to: member)
        }
    }

    private func send(renewals held: [JSON], to member: Member) {
        member.isRenewed = true
        let deadline = Int(max(1000, min(30_000, ttl(at: member) / 3)))
        ask(
            member, "federation.lend", ["call": "renew", "machines": .array(held), "ttl_ms": JSON(settings.ttl)], deadline: deadline
        ) { [weak self] answer in
            guard let self else { return }
            member.isRenewed = false
            guard answer.isOK else { return }
            for refused in answer.body["refused"]?.array ?? [] {
                guard let id = refused["id"]?.string, let why = refused["reason"]?.string, member.refusals[id] != why else { continue }
                member.refusals[id] = why
                Log.warning("a member does not go on lending a machine", ["member": member.name, "native_id": id, "reason": why])
                // The Scheduler looks what is left of it.
                context.notify("driver.\(member.name).resync", ["provider": JSON(member.name)])
            }
            let now = Set(held.compactMap { $0["id"]?.string })
            member.refusals = member.refusals.filter { now.contains($0.key) }
        }
    }
}
