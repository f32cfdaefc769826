public import Bus
import JSON
import Model
import Platform

/// The Monitor on its thread: a thin shell that runs its cores against the bus. It keeps nothing itself, so it may also run in a
/// process of its own (`berth serve --only monitor`).
public final class MonitorComponent: Component {
    /// For `Bus`. `reread` gives the settings again after `host.reload`; nil: the configuration has errors.
    public static func description(
        _ settings: MonitorSettings, reread: @escaping @Sendable () -> MonitorSettings?
    ) -> ComponentDescription {
        ComponentDescription(name: "monitor", verbs: [Verb("monitor.status", .operators)]) { context in
            MonitorComponent(settings, reread, context)
        }
    }

    private let context: any ComponentContext
    private let reread: @Sendable () -> MonitorSettings?
    private let core: MonitorCore
    private var prober: TCPProber?
    private var notifiers: [String: Notifier] = [:]
    private var timer: (ticket: TimerTicket, at: Int64)?
    private var isPumpDue = false
    /// How long a request of ours may take: longer than any driver call that it makes.
    private static let patience = 900_000

    /// A notifier with what carries its messages.
    private final class Notifier {
        let core: NotifierCore
        let courier: Courier
        var failure: String?

        init(_ core: NotifierCore, _ courier: Courier) {
            self.core = core
            self.courier = courier
        }
    }

    init(_ settings: MonitorSettings, _ reread: @escaping @Sendable () -> MonitorSettings?, _ context: any ComponentContext) {
        self.context = context
        self.reread = reread
        core = MonitorCore(settings: settings, now: Self.now)
        let probed = context.hop { [weak self] (result: (String, String?)) in
            self?.feed(.probed(machine: result.0, failure: result.1))
        }
        prober = TCPProber { probed(($0, $1)) }
        use(settings.notifiers)
        context.subscribe("provider.") { [weak self] in self?.hear(provider: $0) }
        context.subscribe("driver.") { [weak self] in self?.hear(driver: $0) }
        for prefix in ["lease.", "machine."] { context.subscribe(prefix) { [weak self] in self?.hear(event: $0) } }
        context.subscribe("host.reload") { [weak self] _ in self?.reload() }
        // The Scheduler answers once all components are made.
        soon()
    }

    private static var now: Moment { Moment(real: Instant(milliseconds: Clock.real), steady: Clock.boot) }

    public func handle(_ batch: [Request]) {
        for request in batch { request.ok(status) }
    }

    public func stop() {
        prober?.stop()
        for notifier in notifiers.values { notifier.courier.stop() }
    }

    /// `monitor.status`
    private var status: JSON {
        let shown: [JSON] = notifiers.sorted { $0.key < $1.key }.map { name, notifier in
            [
                "name": JSON(name), "after": notifier.core.position.map { JSON($0) } ?? .null, "waiting": JSON(notifier.core.waitingCount),
                "failure": JSON(notifier.failure),
            ]
        }
        return ["notifiers": .array(shown), "watched": core.counts]
    }

    // MARK: what happens

    private func feed(_ input: MonitorInput) {
        core.receive(input, now: Self.now)
        soon()
    }

    /// Many things may happen at once: they are acted on together.
    private func soon() {
        guard !isPumpDue else { return }
        isPumpDue = true
        context.after(0) { [weak self] in
            guard let self else { return }
            isPumpDue = false
            pump()
        }
    }

    private func pump() {
        let now = Self.now
        let step = core.take(now: now)
        for probe in step.probes { prober?.probe(probe) }
        for request in step.requests { ask(request) }
        var wake = step.wake ?? .max
        for notifier in notifiers.values { wake = min(wake, run(notifier, now) ?? .max) }
        arm(wake, now.steady)
    }

    private func ask(_ request: MonitorStep.Request) {
        let number = request.number
        // Only a driver's call may take long; what is lost on the way to the Scheduler is asked again soon.
        let patience = request.verb == "driver.call" ? Self.patience : 30_000
        context.request(request.verb, request.body.bytes, RequestOptions(deadline: patience)) { [weak self] answer in
            self?.feed(.answered(number, answer.error.map { .failure($0) } ?? .success(answer.body)))
        }
    }

    private func arm(_ wake: Int64, _ now: Int64) {
        if let timer {
            guard timer.at != wake else { return }
            context.cancel(timer.ticket)
            self.timer = nil
        }
        guard wake != .max else { return }
        let ticket = context.after(max(1, wake - now)) { [weak self] in
            self?.timer = nil
            self?.pump()
        }
        timer = (ticket, wake)
    }

    private func hear(provider notice: Notice) {
        let parts = notice.topic.split(separator: ".", maxSplits: 2)
        let body = notice.body
        // What has a number is an event; Drivers' own words come without.
        guard parts.count == 3, body["seq"] == nil else { return }
        let capabilities = body["capabilities"]?.array?.compactMap(\.string) ?? []
        feed(.provider(name: String(parts[1]), state: String(parts[2]), capabilities: capabilities))
    }

    private func hear(driver notice: Notice) {
        guard notice.topic.hasSuffix(".stats") else { return }
        let body = notice.body
        guard let provider = body["provider"]?.string, let machine = body["subject"]?.string, !machine.isEmpty,
            let cpu = body["document"]?["cpu"]?.double
        else { return }
        core.receive(.usage(provider: provider, nativeID: machine, cpu: cpu), now: Self.now)
    }

    private func hear(event notice: Notice) {
        if notice.topic.hasPrefix("lease.") {
            for notifier in notifiers.values { notifier.core.receive(.stirred, now: Self.now) }
        }
        feed(.changed)
    }

    private func reload() {
        guard let settings = reread() else { return }
        use(settings.notifiers)
        feed(.settings(settings))
    }

    // MARK: notifiers

    private func use(_ settings: [NotifierSettings]) {
        for (name, notifier) in notifiers where settings.first(where: { $0.name == name }) != notifier.core.settings {
            notifier.courier.stop()
            notifiers[name] = nil
        }
        for settings in settings where notifiers[settings.name] == nil {
            let name = settings.name
            let ended = context.hop { [weak self] (failure: String?) in self?.delivered(name, failure) }
            notifiers[name] = Notifier(NotifierCore(settings, now: Self.now), Courier(settings) { ended($0) })
        }
    }

    private func delivered(_ name: String, _ failure: String?) {
        guard let notifier = notifiers[name] else { return }
        notifier.failure = failure
        if let failure { Log.warning("a notification is not delivered yet", ["notify": name, "reason": failure]) }
        tell(notifier, .delivered(failure: failure))
    }

    private func tell(_ notifier: Notifier, _ input: NotifierCore.Input) {
        notifier.core.receive(input, now: Self.now)
        soon()
    }

    private func run(_ notifier: Notifier, _ now: Moment) -> Int64? {
        let (effects, wake) = notifier.core.take(now: now)
        for effect in effects { perform(effect, notifier) }
        return wake
    }

    private func perform(_ effect: NotifierCore.Effect, _ notifier: Notifier) {
        let name = notifier.core.settings.name
        func ask(_ verb: String, _ body: JSON, _ input: @escaping (Result<JSON, BerthError>) -> NotifierCore.Input) {
            context.request(verb, body, RequestOptions(deadline: 60_000)) { [weak self, weak notifier] answer in
                guard let notifier else { return }
                self?.tell(notifier, input(answer.error.map { .failure($0) } ?? .success(answer.body)))
            }
        }
        switch effect {
        case .askKept: ask("scheduler.kept", ["kind": "notify", "id": JSON(name)]) { .kept($0) }
        case .askPage(let after):
            ask("events.since", ["after": JSON(after), "topics": ["lease."], "limit": 200]) { .page($0) }
        case .askLease(let id): ask("lease.show", ["id": JSON(id)]) { .shown((try? $0.get())?["lease"]) }
        case .askTimes(let within):
            ask("scheduler.watch", ["within_ms": JSON(within)]) { .times((try? $0.get())?["leases"]?.array ?? []) }
        case .store(let document):
            ask("scheduler.keep", ["kind": "notify", "id": JSON(name), "document": document]) { result in
                if case .success = result { .stored(true) } else { .stored(false) }
            }
        case .deliver(let message): notifier.courier.carry(message)
        case .giveUp(let message, let reason):
            Log.error("a notification is given up", ["notify": name, "id": message.id, "lease": message.lease, "reason": reason])
        case .skipped(let from, let to):
            Log.error("events are gone before they could be told", ["notify": name, "after": "\(from)", "until": "\(to)"])
        }
    }
}
