import Bus
import JSON
import Model
import Platform

// Members as providers: the way to each, and what the Scheduler is told of it.
extension FederationComponent {
    /// Makes or renews the connection where its address has become known or changed.
    func connect(_ member: Member) {
        guard let address = member.settings.address ?? registry.entries[member.name]?.presence.address, let keys,
            address != member.address || member.client == nil
        else { return }
        disconnect(member)
        var endpoint = ClientEndpoint(address, keys: keys, hostKey: member.settings.key)
        endpoint.heartbeat = Int32(clamping: min(15_000, max(500, settings.period)))
        do throws(BerthError) {
            member.client = try BusClient(endpoint)
            member.address = address
        } catch {
            member.reason = error.message
            Log.warning("cannot reach a member", ["member": member.name, "address": address, "reason": error.message])
        }
    }

    func disconnect(_ member: Member) {
        member.client?.close()
        member.client = nil
        member.address = nil
        member.seen = nil
    }

    /// Asks a member what it has for us; its answer makes it a provider.
    func probe(_ member: Member) {
        guard member.client != nil, !member.isProbed else { return tellIfSilent(member) }
        member.isProbed = true
        let deadline = Int(min(5000, max(1000, settings.period)))
        ask(member, "federation.lend", ["call": "capacity"], deadline: deadline) { [weak self] answer in
            guard let self else { return }
            member.isProbed = false
            guard members[member.name] === member else { return }
            if let error = answer.error {
                if ![.unreachable, .deadline, .cancelled].contains(error.code) {
                    // It answers and says no: as good as not there.
                    member.reason = error.description
                    member.link = .unreachable
                    tell(member)
                }
                return
            }
            took(answer.body["document"] ?? .null, from: member)
        }
    }

    /// A member's capacity document.
    private func took(_ document: JSON, from member: Member) {
        member.capabilities = document["capabilities"]?.array?.compactMap(\.string) ?? []
        member.ttl = document["ttl_ms"]?.int.map { Int64($0) }
        let cut = Offer.cut(document, toAtMost: member.settings.accept)
        let isNews = member.capacity != cut.document
        member.capacity = cut.document
        member.free = cut.free
        member.reason = document["reason"]?.string
        let wasReady = member.link == .ready
        member.link = .ready
        if isNews { rank() }
        tell(member)
        if isNews, wasReady { context.request("scheduler.refresh", ["provider": JSON(member.name), "capacity": true]) { _ in } }
        watch(member)
    }

    /// A question was not answered.
    func silent(_ member: Member, _ error: BerthError) {
        guard members[member.name] === member else { return }
        member.reason = error.message
        if member.link == .ready { member.link = .degraded }
        if member.link == .starting { member.link = .unreachable }
        tellIfSilent(member)
        tell(member)
    }

    private func tellIfSilent(_ member: Member) {
        guard member.link == .degraded || member.link == .ready else { return }
        guard Clock.monotonic - (member.answered ?? 0) > 3 * settings.period else { return }
        member.link = .unreachable
        member.seen = nil
        tell(member)
    }

    private func rank() {
        for member in memberOrder { tell(member) }
    }

    /// Tells the Scheduler what became of the provider that stands for a member, if anything did.
    func tell(_ member: Member) {
        guard members[member.name] === member else { return }
        // Nobody waits for one that cannot even be asked.
        let link = member.link == .starting && member.client == nil ? .unreachable : member.link
        let ready = members.filter { $0.value.link == .ready }.mapValues(\.free)
        // One that does not answer takes nothing new; what it has goes on.
        let capabilities = member.link == .ready ? member.capabilities : member.capabilities.filter { $0 != "create" } + ["list"]
        let facts: JSON = [
            "name": JSON(member.name), "plugin": "member", "state": JSON(link.rawValue), "reason": JSON(member.reason),
            "capabilities": JSON(capabilities), "member": JSON(member.name), "verb": "federation.call",
            "rank": JSON(picker.ranks(ready)[member.name] ?? members.count + 1),
        ]
        guard facts != member.told else { return }
        member.told = facts
        context.notify("provider.\(member.name).\(link.rawValue)", facts)
    }

    // MARK: - Changes over there

    /// Waits at the member for a change of what we hold there, and has the Scheduler look when there is one.
    private func watch(_ member: Member) {
        guard !member.isWatched, member.client != nil else { return }
        member.isWatched = true
        let wait = 20_000
        ask(
            member, "federation.lend", ["call": "watch", "seen": JSON(member.seen), "wait_ms": JSON(wait)], deadline: wait + 5000
        ) { [weak self] answer in
            guard let self else { return }
            member.isWatched = false
            // After a failure the next probe that succeeds begins again.
            guard members[member.name] === member, let seen = answer.body["seen"]?.string, answer.isOK else { return }
            if member.seen != nil, member.seen != seen { context.notify("driver.\(member.name).resync", ["provider": JSON(member.name)]) }
            member.seen = seen
            if member.link == .ready { watch(member) }
        }
    }
}
