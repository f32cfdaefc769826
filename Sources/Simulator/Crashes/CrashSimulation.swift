import JSON
import Ledger
import Model
import Planner
import Platform
import Scheduler

/// The real Scheduler core and Planner with simulated drivers, clock and ledger under one seed: the host crashes, workers crash, answers are
/// late, lost or for nothing, the ledger fails, machines double and vanish. What must hold is checked after each step; a seed that fails
/// fails again.
public struct CrashSimulation {
    /// What one seed did.
    public struct Outcome: Sendable {
        public var seed: UInt64
        public var steps = 0
        public var crashes = 0
        public var leases = 0
        public var machines = 0
        /// What did not hold, in words. Empty: all is well.
        public var failures: [String] = []
        /// What happened, for a seed that failed.
        public var trace: [String] = []
    }

    /// Runs one seed; one that fails runs again, with all that happens written down.
    public static func run(seed: UInt64, traces: Bool = false) -> Outcome {
        var simulation = CrashSimulation(seed: seed, traces: traces)
        simulation.run()
        guard !simulation.outcome.failures.isEmpty, !traces else { return simulation.outcome }
        return run(seed: seed, traces: true)
    }

    enum Happening {
        case effect(DriverCall, life: Int, fate: Fate)
        case answer(Int, DriverAnswer, life: Int, provider: String)
        case commit(life: Int, Batch, fails: Bool)
        case ledgerReady(life: Int)
        case providerReady(String, life: Int)
        case request
        /// A client whose answer did not come asks again.
        case again(Int)
        case boot
        case trouble
        /// Somebody sets the clock.
        case clock
        case poll
    }

    enum Fate { case fine, refused, crashBefore, crashAfter, unknown, late, doubled }

    var random: SplitMix
    var outcome: Outcome
    let ledger = SimulatedLedger()
    var core: SchedulerCore?
    var providers: [String: SimulatedProvider] = [:]
    let names = ["alpha", "beta"]
    var real: Int64 = 1_800_000_000_000
    var steady: Int64 = 0
    var queue: [(at: Int64, order: Int, what: Happening)] = []
    private var order = 0
    /// Which life of the host it is: what was under way in an earlier one reaches nobody.
    var life = 0
    private var wake: Int64?
    var clients = Clients()
    /// Steady time at which leases were first made ready.
    var begun: [LeaseID: Int64] = [:]
    var isCalm = false

    private let traces: Bool

    init(seed: UInt64, traces: Bool) {
        self.traces = traces
        random = SplitMix(seed: seed)
        outcome = Outcome(seed: seed)
        for name in names { providers[name] = SimulatedProvider(name: name, nodes: ["\(name)-1", "\(name)-2"], cpusPerNode: 4) }
    }

    // MARK: running

    mutating func run() {
        start()
        for index in 0..<8 { after(Int64(index * 400 + random.below(3000)), .request) }
        for index in 0..<3 { after(Int64(index * 2500 + random.below(4000)), .trouble) }
        for _ in 0..<random.below(3) { after(Int64(random.below(20_000)), .clock) }
        after(500, .boot)
        for _ in 0..<3000 {
            guard steady < 30_000, step() else { break }
        }
        calmDown()
        // A quiet hour: everything must come to rest by itself.
        let end = steady + 3_600_000
        for _ in 0..<6000 {
            guard steady < end, outcome.failures.isEmpty, step() else { break }
            if steady > end - 3_000_000, queue.isEmpty { break }
        }
        checkRest()
    }

    /// No more trouble from here on: lights on, and see what is left.
    private mutating func calmDown() {
        isCalm = true
        queue.removeAll { if case .request = $0.what { true } else if case .trouble = $0.what { true } else { false } }
        for index in clients.keyed.indices { after(Int64(60_000 + index * 1000), .again(index)) }
        for minute in 1...20 { after(Int64(minute) * 30_000, .poll) }
        for half in 1...60 { after(Int64(half) * 10_000, .boot) }
    }

    mutating func after(_ delay: Int64, _ what: Happening) {
        order += 1
        queue.append((steady + delay, order, what))
    }

    private mutating func step() -> Bool {
        guard outcome.failures.isEmpty else { return false }
        let next = queue.indices.min { (queue[$0].at, queue[$0].order) < (queue[$1].at, queue[$1].order) }
        let due = next.map { queue[$0].at } ?? .max
        outcome.steps += 1
        if let wake, wake < due {
            move(to: wake)
            feed(.tick)
        } else if let next {
            let entry = queue.remove(at: next)
            move(to: entry.at)
            happen(entry.what)
        } else {
            return false
        }
        check()
        return true
    }

    private mutating func move(to time: Int64) {
        let delta = max(0, time - steady)
        steady += delta
        real += delta
        ledger.steadyNow = steady
    }

    var now: Now { Now(real: Instant(milliseconds: real), steady: steady) }

    /// Only kept where somebody will read it: most seeds end well.
    mutating func note(_ text: @autoclosure () -> String) {
        guard traces else { return }
        outcome.trace.append("\(steady) \(text())")
    }

    mutating func start() {
        life += 1
        var settings = SchedulerSettings()
        settings.providers = names.map { ProviderSettings(name: $0, plugin: "sim", threads: 2) }
        settings.plan.explains = false
        settings.prepareWithin = 300_000
        let ids = IdentifierSource(ledger: ledger.id, random: SplitMix(seed: random.next()))
        core = try? SchedulerCore(settings: settings, ledger: ledger, ids: ids, now: now)
        if core == nil { outcome.failures.append("the core does not start") }
        for name in names { after(Int64(random.below(isCalm ? 50 : 1500)), .providerReady(name, life: life)) }
        pump()
    }

    mutating func feed(_ input: CoreInput) {
        core?.receive(input, now: now)
        pump()
    }

    private mutating func pump() {
        guard let core else { return }
        let step = core.take(now: now)
        wake = step.wake
        for (token, reply) in step.replies { answered(token, reply) }
        for call in step.calls { begin(call) }
        if let batch = step.batch {
            let fails = !isCalm && random.chance(2)
            after(Int64(1 + random.below(20)), .commit(life: life, batch, fails: fails))
        }
    }

    private mutating func begin(_ call: DriverCall) {
        var fate = Fate.fine
        if !isCalm {
            let roll = random.below(100)
            switch roll {
            case ..<6: fate = .crashBefore
            case ..<12: fate = .crashAfter
            case ..<17: fate = .unknown
            case ..<21: fate = call.slot == .create ? .refused : .fine
            case ..<25: fate = call.slot == .create ? .late : .fine
            case ..<29: fate = .doubled
            default: fate = .fine
            }
        }
        note("call \(call.number) \(call.provider) \(call.slot) \(call.verb) \(call.nativeID)\(call.key): \(fate)")
        after(Int64(1 + random.below(isCalm ? 20 : 400)), .effect(call, life: life, fate: fate))
    }

    private mutating func happen(_ what: Happening) {
        switch what {
        case .effect(let call, let began, let fate): carryOut(call, began, fate)
        case .answer(let number, let answer, let began, _):
            guard began == life else { return }
            feed(.answer(number, answer))
        case .commit(let began, let batch, let fails):
            guard began == life else { return }
            commit(batch, fails)
        case .ledgerReady(let began):
            if began == life { feed(.ledgerReady) }
        case .providerReady(let name, let began):
            guard began == life else { return }
            note("provider \(name) is ready")
            feed(.provider(ProviderChange(name: name, state: "ready", capabilities: SimulatedProvider.capabilities)))
        case .request: request()
        case .again(let index): repeatKeyed(index)
        case .boot:
            for name in names { providers[name]?.boot() }
            for name in names { report(name) }
            if !isCalm { after(Int64(300 + random.below(2000)), .boot) }
        case .trouble: trouble()
        case .clock: setClock()
        case .poll:
            for name in names { feed(.resync(provider: name)) }
        }
    }

    /// Drivers report their machines by themselves.
    private mutating func report(_ name: String) {
        for guest in providers[name]?.guests ?? [] where random.chance(isCalm ? 100 : 70) {
            guard let provider = providers[name], let document = MachineDocument(provider.document(guest)) else { continue }
            feed(.observed(provider: name, document))
        }
    }

    private mutating func carryOut(_ call: DriverCall, _ began: Int, _ fate: Fate) {
        // A worker dies with its host; what it had begun may be done all the same.
        if began != life, random.chance(50) { return }
        let delay = Int64(1 + random.below(isCalm ? 20 : 300))
        let crashed = DriverAnswer.failure(DriverFailure(.broken, "the worker died", crashed: true))
        switch fate {
        case .refused:
            guard let answer = providers[call.provider]?.refuse(call) else { return }
            after(delay, .answer(call.number, answer, life: began, provider: call.provider))
        case .crashBefore:
            after(delay, .answer(call.number, crashed, life: began, provider: call.provider))
            restart(call.provider, began)
        case .late:
            // The answer is lost, and the machine appears after its successor has listed.
            after(delay, .answer(call.number, crashed, life: began, provider: call.provider))
            restart(call.provider, began)
            after(delay + 3000, .effect(call, life: -1, fate: .late))
            if began == -1 { _ = providers[call.provider]?.run(call, at: real, isLate: true) }
        case .fine, .crashAfter, .unknown, .doubled:
            guard let answer = providers[call.provider]?.run(call, at: real, isLate: began != life) else { return }
            switch fate {
            case .crashAfter:
                after(delay, .answer(call.number, crashed, life: began, provider: call.provider))
                restart(call.provider, began)
            case .unknown:
                after(
                    delay,
                    .answer(call.number, .failure(DriverFailure(.deadline, "no answer in time")), life: began, provider: call.provider))
            case .doubled:
                after(delay, .answer(call.number, answer, life: began, provider: call.provider))
                after(delay + Int64(random.below(300)), .answer(call.number, answer, life: began, provider: call.provider))
            default: after(delay, .answer(call.number, answer, life: began, provider: call.provider))
            }
        }
    }

    private mutating func restart(_ name: String, _ began: Int) {
        guard began == life else { return }
        feed(.provider(ProviderChange(name: name, state: "restarting")))
        after(Int64(100 + random.below(500)), .providerReady(name, life: life))
    }

    private mutating func commit(_ batch: Batch, _ fails: Bool) {
        guard !fails else {
            note("a commit fails")
            feed(.committed(.failure(BerthError(.retry, "the disk is full"))))
            after(Int64(100 + random.below(1000)), .ledgerReady(life: life))
            return
        }
        feed(.committed(.success(store(batch))))
    }
}
