public import JSON
public import Model
import Platform

/// The clocks, read once for a step.
public struct Moment: Sendable, Hashable {
    public var real: Instant
    /// Never steps back or forth: what periods count.
    public var steady: Int64

    public init(real: Instant, steady: Int64) {
        self.real = real
        self.steady = steady
    }
}

/// Everything that can happen to the Monitor.
public enum MonitorInput: Sendable {
    /// What Drivers says of a provider.
    case provider(name: String, state: String, capabilities: [String])
    /// An answer to a request of ours: the body, or why there is none.
    case answered(Int, Result<JSON, BerthError>)
    /// A driver told of a machine's load.
    case usage(provider: String, nativeID: String, cpu: Double)
    /// A try to connect to a machine ended; nil: it accepted.
    case probed(machine: String, failure: String?)
    /// Something became of a lease or machine: those that are waited for may be others.
    case changed
    case settings(MonitorSettings)
    case tick
}

/// What the Monitor wants done.
public struct MonitorStep: Sendable {
    public struct Request: Sendable {
        public var number: Int
        public var verb: String
        public var body: JSON
    }

    /// One try to connect.
    public struct Probe: Sendable, Equatable {
        public var machine: String
        public var address: String
        public var port: Int
        public var timeout: Int64
    }

    public var requests: [Request] = []
    public var probes: [Probe] = []
    /// Steady time of the next `.tick`.
    public var wake: Int64?
}

/// The Monitor without thread, clock or socket: what is looked at when, and what follows. It holds nothing that must survive:
/// what it finds out goes to the Scheduler, which alone writes. The simulation runs this same object.
public final class MonitorCore {
    var settings: MonitorSettings
    var now: Moment
    var providers: [String: ProviderWatch] = [:]
    /// The machines that are not ready yet, by id, as the Scheduler last named them.
    var waiting: [String: WaitingMachine] = [:]
    var elastic: [String: ElasticLease] = [:]
    /// The load of machines by `PROVIDER/NATIVE-ID`.
    var usage: [String: Usage] = [:]
    var outbox = MonitorStep()
    var purposes: [Int: Purpose] = [:]
    private var nextNumber = 1

    /// When the Scheduler is asked whom to watch.
    var watchDue: Int64
    var isAsking = false
    /// Something changed since the question under way was asked.
    var hasChanged = false
    var usageDue: Int64 = .max

    /// What a request is for.
    enum Purpose {
        case watch
        case told
        case health(String)
        case renew(String)
        case agent(String)
        case load(String)
        case scale(String)
    }

    struct Usage {
        var cpu: Double
        var at: Int64
    }

    public init(settings: MonitorSettings, now: Moment) {
        self.settings = settings
        self.now = now
        watchDue = now.steady
    }

    public func receive(_ input: MonitorInput, now: Moment) {
        self.now = now
        switch input {
        case .provider(let name, let state, let capabilities): see(provider: name, state, capabilities)
        case .answered(let number, let result): answered(number, result)
        case .usage(let provider, let nativeID, let cpu): usage["\(provider)/\(nativeID)"] = Usage(cpu: cpu, at: now.steady)
        case .probed(let machine, let failure): probed(machine, failure)
        case .changed:
            hasChanged = true
            watchDue = min(watchDue, now.steady + 50)
        case .settings(let fresh):
            settings = fresh
            for provider in providers.values { arm(provider) }
            watchDue = now.steady
        case .tick: break
        }
    }

    /// What is to be done now. Call it after each `receive`, or after a handful.
    public func take(now: Moment) -> MonitorStep {
        self.now = now
        pollProviders()
        if !isAsking, watchDue <= now.steady { askWhomToWatch() }
        lookAtWaiting()
        if usageDue <= now.steady { lookAtLoad() }
        var step = outbox
        outbox = MonitorStep()
        step.wake = nextWake
        return step
    }

    /// How much is watched.
    public var counts: JSON {
        ["providers": JSON(providers.count), "machines": JSON(waiting.count), "elastic": JSON(elastic.count)]
    }

    private var nextWake: Int64? {
        var wake = min(usageDue, isAsking ? .max : watchDue)
        for provider in providers.values { wake = min(wake, provider.next) }
        for machine in waiting.values { wake = min(wake, machine.look) }
        return wake == .max ? nil : wake
    }

    func ask(_ verb: String, _ body: JSON, for purpose: Purpose) {
        purposes[nextNumber] = purpose
        outbox.requests.append(MonitorStep.Request(number: nextNumber, verb: verb, body: body))
        nextNumber += 1
    }

    private func answered(_ number: Int, _ result: Result<JSON, BerthError>) {
        guard let purpose = purposes.removeValue(forKey: number) else { return }
        switch purpose {
        case .told:
            if case .failure(let error) = result { Log.debug("the Scheduler refuses the Monitor", ["error": error.description]) }
        case .watch: watched(result)
        case .health(let name): providers[name].map { healthSaid($0, result) }
        case .renew(let name): providers[name].map { renewed($0, result) }
        case .agent(let id): agentSaid(id, result)
        case .load(let key):
            guard case .success(let body) = result, let cpu = body["document"]?["usage"]?["cpu"]?.double else { return }
            usage[key] = Usage(cpu: cpu, at: now.steady)
        case .scale(let lease):
            if case .failure(let error) = result {
                Log.info("an elastic lease cannot be changed", ["lease": lease, "reason": error.message])
            }
        }
    }

    // MARK: whom to watch

    private func askWhomToWatch() {
        isAsking = true
        hasChanged = false
        watchDue = .max
        ask("scheduler.watch", [:], for: .watch)
    }

    private func watched(_ result: Result<JSON, BerthError>) {
        isAsking = false
        guard case .success(let body) = result else {
            watchDue = now.steady + 1_000
            return
        }
        for provider in body["providers"]?.array ?? [] {
            guard let name = provider["name"]?.string, let state = provider["state"]?.string else { continue }
            see(provider: name, state, provider["capabilities"]?.array?.compactMap(\.string) ?? [])
        }
        watch(machines: body["machines"]?.array ?? [])
        watch(elastic: body["elastic"]?.array ?? [])
        // Events bring the next look; by the clock it comes soon only while somebody waits.
        let pause = waiting.values.map { settings.periods(of: $0.provider).inspect }.min() ?? settings.periods.list
        watchDue = now.steady + (hasChanged ? 50 : pause)
    }
}
