public import Bus
import Frames
import JSON
import Model
import Platform

/// The federation on the bus: other hosts as providers of this one, and this host as a provider of theirs.
///
/// To the Scheduler a live member is a provider: the notices `provider.NAME.STATE` say so, with `"verb":"federation.call"` for the calls
/// that Drivers answers for other providers. Each call goes on as `federation.lend` to the member's own Federation, which keeps a lease for
/// it. So there is one way to place, watch, explain and end machines, here and there.
public final class FederationComponent: Component {
    public static let verbs: [Verb] =
        [Verb("member.list"), Verb("member.show")] + ["member.invite", "member.accept", "member.remove"].map { Verb($0, .operators) }
        + [Verb("federation.call", .components)]
        + ["federation.alive", "federation.who", "federation.sync", "federation.lend"].map { Verb($0, .members) }

    /// For `Bus`. `reread` gives the settings of a configuration that was read again; nil: it has errors, and nothing changes.
    public static func description(
        _ settings: FederationSettings, reread: @escaping @Sendable () -> FederationSettings? = { nil }
    ) -> ComponentDescription {
        ComponentDescription(name: "federation", verbs: verbs, isSingle: true) { context in
            FederationComponent(settings, context, reread: reread)
        }
    }

    let context: any ComponentContext
    var settings: FederationSettings
    let store: MemberStore
    let reread: @Sendable () -> FederationSettings?
    var members: [String: Member] = [:]
    /// By name: dictionaries have no order that repeats.
    var memberOrder: [Member] { members.values.sorted { $0.name < $1.name } }
    /// Our own pair: with it we listen, and with it we knock.
    var keys: CurveKeys?
    var registry = Registry()
    var lending = Lending()
    var picker: Picker
    /// What we say of ourselves.
    var presence: Presence
    /// Creates on their way through this host, by member and key, and what they take: a repeated one joins.
    var creating: [String: (takes: Resources, requests: [Request])] = [:]
    /// Whether the leases of members were read after the start: before that nothing is lent, since a repeated request would not be known.
    var isLoaded = false
    /// Names this life of the host.
    let birth = Clock.real
    /// Steady milliseconds at which a lent machine's lease ends by its terms; absent: never.
    var ends: [String: Int64] = [:]

    init(_ settings: FederationSettings, _ context: any ComponentContext, reread: @escaping @Sendable () -> FederationSettings?) {
        self.settings = settings
        self.context = context
        self.reread = reread
        store = MemberStore(settings)
        picker = Picker(settings.picker)
        presence = Presence(
            name: settings.name, address: settings.address, sequence: Clock.real, period: settings.period,
            isRendezvous: settings.isRendezvous)
        takeMembers()
        context.subscribe("lease.") { [weak self] notice in self?.hear(lease: notice) }
        context.subscribe("machine.") { [weak self] notice in self?.hear(machine: notice) }
        context.subscribe("host.reload") { [weak self] _ in self?.reload() }
        context.after(0) { [weak self] in
            self?.loadLent()
            self?.beat()
            self?.sweep()
            self?.renewAll()
        }
    }

    public func stop() {
        for member in memberOrder { member.client?.close() }
    }

    public func handle(_ batch: [Request]) {
        for request in batch {
            do throws(BerthError) {
                try answer(request, try request.json())
            } catch {
                request.fail(error)
            }
        }
    }

    private func answer(_ request: Request, _ body: JSON) throws(BerthError) {
        switch request.verb {
        case "member.list": try list(request, body)
        case "member.show": try show(request, body)
        case "member.invite": try invite(request, body)
        case "member.accept": try accept(request, body)
        case "member.remove": try remove(request, body)
        case "federation.call": try call(request, body)
        case "federation.alive": try hearAlive(request, body, asker(request))
        case "federation.who": try tellWho(request, body, asker(request))
        case "federation.sync": try synchronise(request, body, asker(request))
        case "federation.lend": try lend(request, body, asker(request))
        default: throw BerthError(.unsupported, "the federation does not answer \(request.verb)")
        }
    }

    /// The member that asks. Its key opened the connection, so its name is what the bus says, never what the message says.
    private func asker(_ request: Request) throws(BerthError) -> Member {
        let owner = request.account.owner
        guard request.account.role == .member, owner.hasPrefix("member:"), let member = members[String(owner.dropFirst(7))] else {
            Log.warning("refused: \(request.verb) is between members", ["from": owner])
            throw BerthError(.denied, "\(request.verb) is between members of the federation")
        }
        if let allowed = settings.allowed, !allowed.contains(member.name) {
            Log.warning("refused: the member is not on the allow-list", ["member": member.name, "verb": request.verb])
            throw BerthError(.denied, "\(member.name) is not on the allow-list of \(settings.name)")
        }
        return member
    }

    // MARK: - Asking

    /// Asks another host. The answer comes on our thread.
    func ask(_ member: Member, _ verb: String, _ body: JSON, deadline: Int, completion: @escaping (Answer) -> Void) {
        guard let client = member.client else {
            return completion(
                Answer(BerthError(.unreachable, "nobody knows where \(member.name) is", hint: "berth members show \(member.name)")))
        }
        let home = context.hop { [weak self] (answer: Answer) in
            switch answer.error?.code {
            case .unreachable?, .deadline?: answer.error.map { self?.silent(member, $0) }
            // The connection was closed by us.
            case .cancelled?: break
            default: self?.heard(member)
            }
            completion(answer)
        }
        client.send(verb, body.bytes, ClientOptions(deadline: deadline)) { home($0) }
    }

    /// The account under which a member's leases are kept here.
    func account(of member: Member) -> Account { Account(owner: "member:\(member.name)", role: .client) }

    // MARK: - Members

    /// Makes `members` what the configuration and the store say, and the keys with them.
    func takeMembers() {
        var wanted: [String: MemberSettings] = [:]
        for member in store.load() where member.name != settings.name { wanted[member.name] = member }
        for member in settings.members where member.name != settings.name { wanted[member.name] = member }
        for name in members.keys.sorted() where wanted[name] == nil { drop(name) }
        if !wanted.isEmpty, keys == nil { keys = try? store.keys.makeHostKeys() }
        for (name, fresh) in wanted.sorted(by: { $0.key < $1.key }) {
            do throws(BerthError) {
                try store.allow(fresh)
            } catch {
                Log.error("a member cannot come in: \(error.message)", ["member": name, "hint": error.hint ?? ""])
            }
            if let known = members[name] {
                let isOther = known.settings.key != fresh.key
                known.settings = fresh
                if isOther { disconnect(known) }
            } else {
                members[name] = Member(fresh)
            }
            members[name].map { connect($0) }
        }
        store.revokeOthers(than: Set(wanted.keys))
        for member in memberOrder { tell(member) }
    }

    /// The member is none any more: what it holds here is taken back.
    func drop(_ name: String) {
        guard let member = members.removeValue(forKey: name) else { return }
        disconnect(member)
        registry.remove(name)
        answerWatchers(member)
        context.notify(
            "provider.\(name).gone",
            ["name": JSON(name), "state": "gone", "reason": "it is no member any more", "capabilities": [], "member": JSON(name)])
        for entry in lending.held(by: name) { reclaim(entry, "\(name) is no member any more") }
        note(name, "removed", [:])
    }

    private func reload() {
        guard let fresh = reread() else { return }
        settings = fresh
        if picker.policy != fresh.picker { picker = Picker(fresh.picker) }
        presence.address = fresh.address
        presence.period = fresh.period
        presence.isRendezvous = fresh.isRendezvous
        takeMembers()
    }

    /// An event that the ledger keeps: `member.NAME.STATE`.
    func note(_ name: String, _ state: String, _ change: JSON) {
        Log.info("member changes", ["member": name, "state": state])
        var change = change
        change["state"] = JSON(state)
        context.request("scheduler.note", ["topic": JSON("member.\(name).\(state)"), "subject": JSON(name), "change": change]) { answer in
            if let error = answer.error { Log.warning("an event could not be written down", ["member": name, "reason": error.message]) }
        }
    }
}
