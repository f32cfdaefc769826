public import Bus
import Frames
import JSON
public import Ledger
import Model
import Planner
import Platform

/// The Scheduler on its thread: a thin shell that runs the core against the bus, the ledger and Drivers.
public final class SchedulerComponent: Component {
    /// The verbs that it answers.
    public static let verbs: [Verb] =
        ["lease.create", "lease.update", "lease.cancel", "lease.suspend", "lease.resume", "lease.save", "machine.action"].map {
            Verb($0, .everyone, keepsKeys: true)
        }
        + ["lease.list", "lease.show", "lease.explain", "machine.list", "machine.show", "flavor.list", "image.list"].map { Verb($0) }
        + ["machine.forget", "machine.adopt", "machine.remove", "ledger.accept", "provider.lost"].map {
            Verb($0, .operators, keepsKeys: true)
        }
        + [
            "scheduler.watch", "scheduler.refresh", "scheduler.ready", "scheduler.observe", "scheduler.inspect", "scheduler.scale",
            "scheduler.room", "scheduler.held", "scheduler.note",
            "scheduler.drain", "scheduler.keep", "scheduler.kept",
        ].map { Verb($0, .components) }

    /// For `Bus`: the Scheduler is single, since it owns what the ledger holds. `reread` gives the settings again after `host.reload`;
    /// nil: the configuration has errors.
    public static func description(
        settings: SchedulerSettings, ledger: any Ledger, reread: @escaping @Sendable () -> SchedulerSettings? = { nil }
    ) -> ComponentDescription {
        ComponentDescription(name: "scheduler", verbs: verbs, isSingle: true) { context in
            let component = try SchedulerComponent(settings: settings, ledger: ledger, context: context)
            context.subscribe("host.reload") { [weak component] _ in component?.reload(reread()) }
            return component
        }
    }

    private let context: any ComponentContext
    private let ledger: any Ledger
    private let core: SchedulerCore
    private var askers: [Int: Request] = [:]
    private var nextToken = 1
    private var tickets: [Int: RequestTicket] = [:]
    /// Who answers the calls to a provider, where that is not Drivers: members of the federation are the Federation's.
    private var callVerbs: [String: String] = [:]
    private var timer: (ticket: TimerTicket, at: Int64)?
    /// Ends the wait of `stop` for the batch under way.
    private var isCommitting = false
    private let committed: Mailbox<Result<Commit, BerthError>>
    private var comesHome: @Sendable (Result<Commit, BerthError>) -> Void = { _ in }
    private var abandons: @Sendable (Int) -> Void = { _ in }

    init(settings: SchedulerSettings, ledger: any Ledger, context: any ComponentContext) throws(BerthError) {
        self.context = context
        self.ledger = ledger
        committed = Mailbox()
        core = try SchedulerCore(settings: settings, ledger: ledger, ids: IdentifierSource(ledger: ledger.id), now: Self.now(ledger))
        comesHome = context.hop { [weak self] result in self?.home(result) }
        abandons = context.hop { [weak self] token in self?.abandon(token) }
        context.subscribe("provider.") { [weak self] notice in self?.hear(provider: notice) }
        context.subscribe("driver.") { [weak self] notice in self?.hear(driver: notice) }
        // Drivers answers once all components are there.
        context.after(0) { [weak self] in
            self?.askForProviders()
            self?.pump()
        }
    }

    private static func now(_ ledger: any Ledger) -> Now {
        Now(real: Instant(milliseconds: Clock.real), steady: ledger.steadyNow)
    }

    private var now: Now { Self.now(ledger) }

    // MARK: requests

    public func handle(_ batch: [Request]) {
        let now = now
        let first = nextToken
        for request in batch { take(request, now) }
        pump()
        for token in first..<nextToken {
            // Who still waits may stop waiting.
            guard let request = askers[token], core.isWaiting(token) else { continue }
            let abandons = abandons
            request.onCancel { abandons(token) }
        }
    }

    private func take(_ request: Request, _ now: Now) {
        let body: JSON
        do throws(BerthError) {
            body = try request.json()
        } catch {
            return request.fail(error)
        }
        let token = nextToken
        nextToken += 1
        askers[token] = request
        let key = request.header.key
        core.receive(
            .request(
                CoreRequest(
                    token: token, verb: request.verb, body: body, owner: request.account.owner, seesAll: request.account.seesAll,
                    isOperator: request.account.role == .operator, key: key, bodyHash: key == nil ? 0 : AnsweredRequest.hash(request.body),
                    patience: request.remaining)),
            now: now)
    }

    private func abandon(_ token: Int) {
        guard let request = askers.removeValue(forKey: token) else { return }
        request.fail(BerthError(.cancelled, "nobody waits for it any more; what it began goes on"))
        core.receive(.abandoned(token), now: now)
        pump()
    }

    private func reload(_ settings: SchedulerSettings?) {
        guard let settings else { return }
        core.receive(.settings(settings), now: now)
        pump()
    }

    // MARK: what is due

    /// Carries out what the core wants, until it waits for something.
    private func pump() {
        let now = now
        let step = core.take(now: now)
        for event in step.events { context.publish(event.topic, event.json.bytes, owner: event.owner) }
        for (token, reply) in step.replies { give(token, reply) }
        for call in step.calls { make(call) }
        for call in step.cancels { if let ticket = tickets[call] { context.cancel(ticket) } }
        if let batch = step.batch {
            isCommitting = true
            let (mailbox, hop) = (committed, comesHome)
            ledger.submit(batch) { result in
                mailbox.put(result)
                hop(result)
            }
        }
        arm(step.wake, now)
    }

    private func home(_ result: Result<Commit, BerthError>) {
        isCommitting = false
        var taken: [Result<Commit, BerthError>] = []
        committed.take(into: &taken)
        core.receive(.committed(result.map(\.events)), now: now)
        pump()
        if case .failure = result { watchLedger() }
    }

    /// After a failure: asks now and then whether the ledger can be written again.
    private func watchLedger() {
        context.after(500) { [weak self] in
            guard let self else { return }
            guard ledger.health == .ready else { return watchLedger() }
            core.receive(.ledgerReady, now: now)
            pump()
        }
    }

    private func give(_ token: Int, _ reply: CoreReply) {
        guard let request = askers[token] else { return }
        switch reply {
        case .ok(let body): request.ok(body)
        case .failed(let error, let details): request.fail(error, details: details)
        case .progress(let fraction, let what): return request.progress(fraction, what)
        }
        askers[token] = nil
    }

    private func make(_ call: DriverCall) {
        let number = call.number
        tickets[number] = context.request(callVerbs[call.provider] ?? "driver.call", call.json.bytes, RequestOptions()) {
            [weak self] answer in
            guard let self else { return }
            tickets[number] = nil
            core.receive(.answer(number, Self.read(answer)), now: now)
            pump()
        }
    }

    private static func read(_ answer: Answer) -> DriverAnswer {
        guard let error = answer.error else { return DriverAnswer(answer.body) }
        return .failure(
            DriverFailure(error.code, error.message, native: error.native, crashed: answer.body["crashed"]?.bool ?? false))
    }

    private func arm(_ wake: Int64?, _ now: Now) {
        // At least once a second, to notice that somebody set the clock.
        let at = min(wake ?? .max, now.steady + 1000)
        if let timer {
            if timer.at == at { return }
            context.cancel(timer.ticket)
        }
        let ticket = context.after(max(0, at - now.steady)) { [weak self] in
            guard let self else { return }
            timer = nil
            core.receive(.tick, now: self.now)
            pump()
        }
        timer = (ticket, at)
    }

    // MARK: providers

    private func askForProviders() {
        context.request("provider.list", JSON.object(JSON.Object())) { [weak self] answer in
            guard let self else { return }
            guard answer.isOK else {
                context.after(200) { [weak self] in self?.askForProviders() }
                return
            }
            for provider in answer.body["providers"]?.array ?? [] { change(provider) }
            pump()
        }
    }

    private func change(_ provider: JSON) {
        guard let name = provider["name"]?.string, let state = provider["state"]?.string else { return }
        let capabilities = provider["capabilities"]?.array?.compactMap(\.string) ?? []
        if let verb = provider["verb"]?.string { callVerbs[name] = verb }
        core.receive(
            .provider(
                ProviderChange(
                    name: name, state: state, reason: provider["reason"]?.string, capabilities: capabilities,
                    member: provider["member"]?.string, rank: provider["rank"]?.int)), now: now)
    }

    /// `provider.NAME.STATE`: what the driver can do is asked for with it.
    private func hear(provider notice: Notice) {
        let parts = notice.topic.split(separator: ".", maxSplits: 2)
        guard parts.count == 3 else { return }
        let body = notice.body
        // What has a number is an event of our own.
        guard body["seq"] == nil else { return }
        var provider: JSON = ["name": JSON(String(parts[1])), "state": JSON(String(parts[2])), "reason": body["reason"] ?? .null]
        if let capabilities = body["capabilities"] {
            provider["capabilities"] = capabilities
            for field in ["member", "rank", "verb"] { provider[field] = body[field] }
            change(provider)
            pump()
        } else if ["ready", "degraded", "draining"].contains(parts[2]) {
            askForProviders()
        } else {
            change(provider)
            pump()
        }
    }

    /// `driver.NAME.state|resync`: a machine as its driver reports it by itself, in `document`.
    private func hear(driver notice: Notice) {
        let parts = notice.topic.split(separator: ".")
        guard parts.count == 3 else { return }
        let name = String(parts[1])
        switch parts[2] {
        case "state":
            let body = notice.body
            var said = body["document"] ?? .null
            if said["id"] == nil { said["id"] = body["subject"] }
            if let document = MachineDocument(said) {
                core.receive(.observed(provider: name, document), now: now)
            } else {
                // Something changed, and the driver does not say what.
                core.receive(.resync(provider: name), now: now)
            }
        case "resync": core.receive(.resync(provider: name), now: now)
        default: return
        }
        pump()
    }

    // MARK: the end

    /// Waits for what is being committed, so that whoever was promised something hears it.
    public func stop() {
        guard isCommitting else { return }
        var results: [Result<Commit, BerthError>] = []
        committed.wake.wait(milliseconds: 5000)
        committed.take(into: &results)
        guard let result = results.first else { return }
        core.receive(.committed(result.map(\.events)), now: now)
        let step = core.take(now: now)
        for (token, reply) in step.replies { give(token, reply) }
    }
}
