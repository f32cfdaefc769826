import JSON
import Ledger
import Model
import Planner
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
        /// The last things that happened, for a seed that failed.
        public var trace: [String] = []
    }

    /// Runs one seed.
    public static func run(seed: UInt64) -> Outcome {
        var simulation = CrashSimulation(seed: seed)
        simulation.run()
        return simulation.outcome
    }

    enum Happening {
        case effect(DriverCall, life: Int, fate: Fate)
        case answer(Int, DriverAnswer, life: Int, provider: String)
        case commit(life: Int, Batch, fails: Bool)
        case ledgerReady(life: Int)
        case providerReady(String, life: Int)
        case request
        case boot
        case trouble
        case poll
    }

    enum Fate { case fine, refused, crashBefore, crashAfter, unknown, late }

    private var random: SeededGenerator
    private var outcome: Outcome
    private let ledger = SimulatedLedger()
    private var core: SchedulerCore?
    private var providers: [String: SimulatedProvider] = [:]
    private let names = ["alpha", "beta"]
    private var real: Int64 = 1_800_000_000_000
    private var steady: Int64 = 0
    private var queue: [(at: Int64, order: Int, what: Happening)] = []
    private var order = 0
    /// Which life of the host it is: what was under way in an earlier one reaches nobody.
    private var life = 0
    private var wake: Int64?
    private var acknowledged: [LeaseID] = []
    private var nextToken = 1
    private var createTokens: Set<Int> = []
    private var isCalm = false

    init(seed: UInt64) {
        random = SeededGenerator(seed)
        outcome = Outcome(seed: seed)
        for name in names { providers[name] = SimulatedProvider(name: name, nodes: ["\(name)-1", "\(name)-2"], cpusPerNode: 4) }
    }

    // MARK: running

    mutating func run() {
        start()
        for index in 0..<8 { after(Int64(index * 400 + random.below(3000)), .request) }
        for index in 0..<3 { after(Int64(index * 2500 + random.below(4000)), .trouble) }
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
        for minute in 1...20 { after(Int64(minute) * 30_000, .poll) }
        for half in 1...60 { after(Int64(half) * 10_000, .boot) }
    }

    private mutating func after(_ delay: Int64, _ what: Happening) {
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

    private var now: Now { Now(real: Instant(milliseconds: real), steady: steady) }

    private mutating func note(_ text: String) {
        outcome.trace.append("\(steady) \(text)")
        if outcome.trace.count > 400 { outcome.trace.removeFirst(200) }
    }

    private mutating func start() {
        life += 1
        var settings = SchedulerSettings()
        settings.providers = names.map { ProviderSettings(name: $0, plugin: "sim", threads: 2) }
        settings.plan.explains = false
        settings.prepareWithin = 300_000
        let ids = IdentifierSource(ledger: ledger.id, random: SeededGenerator(random.next()))
        core = try? SchedulerCore(settings: settings, ledger: ledger, ids: ids, now: now)
        if core == nil { outcome.failures.append("the core does not start") }
        for name in names { after(Int64(random.below(isCalm ? 50 : 1500)), .providerReady(name, life: life)) }
        pump()
    }

    private mutating func feed(_ input: CoreInput) {
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

    private mutating func answered(_ token: Int, _ reply: CoreReply) {
        guard createTokens.contains(token) else { return }
        switch reply {
        case .ok(let body):
            if let id = body["lease"]?["id"]?.string.flatMap({ LeaseID($0) }) {
                note("lease \(id) is acknowledged: \(body["lease"]?["state"]?.string ?? "")")
                acknowledged.append(id)
            }
        case .failed(let error, _): note("refused: \(error.message)")
        case .progress: break
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
        case .boot:
            for name in names { providers[name]?.boot() }
            for name in names { report(name) }
            if !isCalm { after(Int64(300 + random.below(2000)), .boot) }
        case .trouble: trouble()
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
        case .fine, .crashAfter, .unknown:
            guard let answer = providers[call.provider]?.run(call, at: real, isLate: began != life) else { return }
            switch fate {
            case .crashAfter:
                after(delay, .answer(call.number, crashed, life: began, provider: call.provider))
                restart(call.provider, began)
            case .unknown:
                after(
                    delay,
                    .answer(call.number, .failure(DriverFailure(.deadline, "no answer in time")), life: began, provider: call.provider))
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
        feed(.committed(.success(ledger.apply(batch))))
    }

    // MARK: what clients do, and what goes wrong

    private mutating func request() {
        let token = nextToken
        nextToken += 1
        let roll = random.below(10)
        if roll < 6 || acknowledged.isEmpty {
            createTokens.insert(token)
            let body = newLease()
            note("create \(body.text)")
            feed(.request(CoreRequest(token: token, verb: "lease.create", body: body, owner: "u", patience: 2000)))
            return
        }
        guard let id = random.pick(acknowledged) else { return }
        let verb = ["lease.cancel", "lease.suspend", "lease.resume", "lease.cancel"][roll - 6]
        note("\(verb) \(id)")
        feed(.request(CoreRequest(token: token, verb: verb, body: ["id": JSON(id.description)], owner: "u")))
    }

    private mutating func newLease() -> JSON {
        var body: JSON = [
            "groups": [["name": "g", "count": JSON(1 + random.below(4)), "cpus": JSON(1 + random.below(2)), "memory_mib": 512]]
        ]
        switch random.below(4) {
        case 0:
            body["kind"] = "advance"
            body["start"] = JSON(Instant(milliseconds: real + Int64(1000 + random.below(8000))).description)
            body["duration_s"] = JSON(2 + random.below(10))
        case 1:
            body["kind"] = "best-effort"
            body["duration_s"] = JSON(5 + random.below(20))
        default:
            if random.chance(60) { body["duration_s"] = JSON(3 + random.below(20)) }
        }
        if random.chance(30) { body["atomic"] = false }
        if random.chance(25) { body["persistent"] = true }
        return body
    }

    private mutating func trouble() {
        switch random.below(5) {
        case 0, 1: crash()
        case 2:
            guard let name = random.pick(names) else { return }
            note("provider \(name) is unreachable")
            feed(.provider(ProviderChange(name: name, state: "unreachable", reason: "no route")))
            after(Int64(500 + random.below(6000)), .providerReady(name, life: life))
        case 3:
            guard let name = random.pick(names), let count = providers[name]?.guests.count, count > 0 else { return }
            note("a machine doubles at \(name)")
            providers[name]?.double(random.below(count), at: real)
        default:
            guard let name = random.pick(names), let count = providers[name]?.guests.count, count > 0 else { return }
            note("a machine vanishes at \(name)")
            providers[name]?.lose(random.below(count))
        }
        after(Int64(500 + random.below(5000)), .trouble)
    }

    /// Kill -9: what was handed to the ledger is there or not, nothing in between.
    private mutating func crash() {
        outcome.crashes += 1
        note("the host is killed")
        for entry in queue {
            if case .commit(let began, let batch, let fails) = entry.what, began == life, !fails, random.chance(50) {
                _ = ledger.apply(batch)
            }
        }
        core = nil
        start()
    }

    // MARK: what must hold

    private mutating func fail(_ text: String) {
        outcome.failures.append("seed \(outcome.seed) at \(steady): \(text)")
        guard outcome.failures.count == 1 else { return }
        for intent in ledger.allIntents {
            outcome.trace.append(
                "intent \(intent.id) \(intent.state) \(intent.verb) \(intent.machine) \(intent.provider) \(intent.arguments["native_id"]?.text ?? "")"
            )
        }
        for lease in ledger.allLeases where !lease.isFinal {
            outcome.trace.append("lease \(lease.id) \(lease.state) \(lease.reason ?? "")")
        }
        for machine in ledger.allMachines where machine.observed != .gone {
            outcome.trace.append(
                "machine \(machine.id) of \(machine.lease) \(machine.state) \(machine.observed) \(machine.node ?? "") \(machine.nativeID ?? "") \(machine.message ?? "")"
            )
        }
        for name in names {
            for guest in providers[name]?.guests ?? [] {
                outcome.trace.append("guest \(guest.id) \(guest.key) \(guest.state) \(guest.node) \(guest.cpus) late=\(guest.isLate)")
            }
        }
    }

    private mutating func check() {
        if let violation = core?.violations.first ?? core?.audit().first { fail(violation) }
        for name in names {
            guard let provider = providers[name] else { continue }
            for node in provider.nodes where provider.used(node) > provider.cpusPerNode {
                fail("\(node) holds \(provider.used(node)) of \(provider.cpusPerNode) cpus")
            }
            var keys: Set<String> = []
            for guest in provider.guests where !guest.isLate && !keys.insert(guest.key).inserted {
                fail("two machines with the key \(guest.key)")
            }
        }
    }

    private mutating func checkRest() {
        guard outcome.failures.isEmpty else { return }
        let leases = ledger.allLeases
        let machines = ledger.allMachines
        outcome.leases = leases.count
        outcome.machines = machines.count
        let known = Dictionary(leases.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for id in acknowledged where known[id] == nil { fail("the acknowledged lease \(id) is lost") }
        var wanted: [String: Machine] = [:]
        for lease in leases {
            let own = machines.filter { $0.lease == lease.id && !$0.isFinal }
            switch lease.state {
            case .active:
                for machine in own where machine.state == .fulfilled { wanted[machine.id.key.description] = machine }
                if own.filter({ $0.state == .fulfilled }).isEmpty { fail("\(lease.id) is active and has no machine") }
            case .suspended:
                for machine in own { wanted[machine.id.key.description] = machine }
            case .queued, .scheduled, .done, .cancelled, .rejected, .failed:
                if own.contains(where: { $0.nativeID != nil }) { fail("\(lease.id) is \(lease.state) and has machines") }
            case .new, .preparing, .suspending, .resuming, .ending: fail("\(lease.id) still is \(lease.state): \(lease.reason ?? "")")
            }
            var seats: Set<String> = []
            for machine in own where !seats.insert("\(machine.group)-\(machine.ordinal)").inserted {
                fail("\(lease.id) has \(machine.group)-\(machine.ordinal) twice")
            }
        }
        for name in names {
            for guest in providers[name]?.guests ?? [] {
                guard let machine = wanted.removeValue(forKey: guest.key), machine.nativeID == guest.id else {
                    fail("\(guest.id) (\(guest.key)) runs without a lease")
                    continue
                }
            }
        }
        for (key, machine) in wanted.sorted(by: { $0.key < $1.key }) {
            fail("\(machine.id) of \(machine.lease) is \(machine.state) and not there (\(key))")
        }
    }
}
