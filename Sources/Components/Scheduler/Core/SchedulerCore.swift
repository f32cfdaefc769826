import JSON
public import Ledger
public import Model
import Planner
import Platform

/// The heart of the host: leases, their machines, and what is being done about them (DESIGN §6).
///
/// A state machine without thread, clock, socket or disk. `receive` takes what happened, `take` gives what is to be done. The Scheduler
/// component runs it against the bus and the ledger; the deterministic simulation runs the same object against simulated ones.
///
/// ## Durable before done
/// All changes of one wake go into one draft. `take` cuts it as a batch; only one batch is under way at a time, and while it is, the
/// next draft grows: that is how commits are grouped. An answer or a driver call that depends on a change comes out of `take` after the
/// batch with that change was committed. If a batch fails, everything since is forgotten and read from the ledger again, as after a
/// crash: there is one way to recover, and it is always in use.
public final class SchedulerCore {
    var settings: SchedulerSettings
    /// For reading what is final or old; everything that lives is here.
    let ledger: any Ledger
    var ids: IdentifierSource
    var now: Now
    var plan: Plan

    var leases: [LeaseID: LeaseEntry] = [:]
    var machines: [MachineID: MachineEntry] = [:]
    /// Machines by `PROVIDER/NATIVE-ID`.
    var natives: [String: MachineEntry] = [:]
    var intents: [Int64: IntentEntry] = [:]
    var tombstones: [MachineID: IntentEntry] = [:]
    /// Projects that have been given the quota of those without one of their own.
    var knownProjects: Set<String> = []
    /// Destroys of what has no machine in memory: doubles and what tombstones wait for, by provider and native id.
    var strayDestroys: [String: IntentEntry] = [:]
    var nextIntent: Int64 = 1
    var templates: [String: JSON] = [:]
    var restored: Instant?

    /// All leases in the order of their making: dictionaries have no order that repeats.
    var leaseOrder: [LeaseEntry] { leases.values.sorted { $0.lease.id < $1.lease.id } }

    /// Nodes that take nothing new, on an operator's word: `PROVIDER/NODE`.
    var drainedNodes: Set<String> = []
    /// What other components keep in the ledger, by `KIND/ID`.
    var kept: [String: JSON] = [:]

    var providers: [String: ProviderEntry] = [:]
    var providerOrder: [ProviderEntry] = []

    var calls: [Int: CallPurpose] = [:]
    var nextCall = 1
    var timers = TimerQueue()
    /// Requests that wait for providers which are still starting.
    var held: [Int: CoreRequest] = [:]
    /// Tokens of all who wait for a lease.
    var waiting: Set<Int> = []
    /// `machine.action` under way, by its token.
    var pendingActions: [Int: CoreRequest] = [:]
    /// Keys whose lease is not durable yet.
    var pendingKeys: [String: (verb: String, hash: UInt64, lease: LeaseID)] = [:]

    var draft = Draft()
    var committing: Draft?
    /// Goes out with the next step: depends on nothing that is not durable.
    var outbox = Step()
    /// Why the ledger takes nothing at the moment.
    var ledgerTrouble: String?
    /// Real less steady time: it changes only when somebody sets the clock.
    var clockOffset: Int64
    /// Room was given back: the planner may have something for those who wait.
    var planIsDue = false
    var touched: [LeaseEntry] = []
    /// Transitions that the tables forbid. Always empty; tests look.
    public internal(set) var violations: [String] = []

    /// What a driver call in flight is for.
    enum CallPurpose {
        case intent(Int64, MachineID, provider: String)
        case inspect(MachineID)
        case list(String)
        case capacity(String)
        case catalog(String)
        /// `machine.action` of a client.
        case action(token: Int, machine: MachineID, verb: String)
    }

    public init(settings: SchedulerSettings, ledger: any Ledger, ids: IdentifierSource, now: Now) throws(BerthError) {
        self.settings = settings
        self.ledger = ledger
        self.ids = ids
        self.now = now
        plan = Plan(settings.plan)
        clockOffset = now.real.milliseconds - now.steady
        for provider in settings.providers { add(provider) }
        try load()
        if restored != nil { Log.warning(Self.notAccepted.message, ["hint": Self.notAccepted.hint ?? ""]) }
    }

    /// Takes in what happened.
    public func receive(_ input: CoreInput, now: Now) {
        see(now)
        switch input {
        case .request(let request): handle(request)
        case .abandoned(let token): abandon(token)
        case .answer(let call, let answer): take(answer, of: call)
        case .observed(let provider, let document): observe(document, at: provider)
        case .resync(let provider): providers[provider].map { list($0) }
        case .provider(let change): take(change)
        case .committed(let result): take(result)
        case .ledgerReady: recover()
        case .tick: break
        case .settings(let settings): take(settings)
        }
    }

    /// What is to be done now. Call it after each `receive`, or after a handful.
    public func take(now: Now) -> Step {
        see(now)
        runTimers()
        runPlan()
        settleTouched()
        cutBatch()
        var step = outbox
        outbox = Step()
        step.wake = nextWake
        return step
    }

    /// Steady time at which something is due if nothing happens before.
    var nextWake: Int64? {
        let planned = plan.nextWake.map { max(now.steady + 1, now.steady + ($0 - now.real)) }
        return [planned, timers.next].compactMap { $0 }.min()
    }

    private func runTimers() {
        while let subject = timers.pop(until: now.steady) {
            switch subject {
            case .intent(let id): intents[id].map { dispatch($0) }
            case .lease(let key): leaseTimer(key)
            case .request(let token): retryHeld(token, isLast: true)
            case .provider(let name): providers[name].map { refresh($0) }
            case .clock: break
            }
        }
    }

    /// Marks a lease to be looked at once the inputs of this wake are in.
    func touch(_ entry: LeaseEntry) {
        guard !entry.isTouched else { return }
        entry.isTouched = true
        touched.append(entry)
    }

    private func settleTouched() {
        while !touched.isEmpty {
            let batch = touched
            touched = []
            for entry in batch {
                entry.isTouched = false
                settle(entry)
            }
            runPlan()
        }
    }

    // MARK: transitions

    func move(_ entry: LeaseEntry, to state: LeaseState, reason: String? = nil) {
        do throws(BerthError) {
            try entry.lease.move(to: state, reason: reason)
        } catch {
            return violated(error)
        }
        changed(entry)
    }

    func move(_ entry: MachineEntry, to state: MachineState, message: String? = nil) {
        do throws(BerthError) {
            try entry.machine.move(to: state, message: message)
        } catch {
            return violated(error)
        }
        changed(entry)
    }

    func violated(_ error: BerthError) {
        violations.append(error.message)
        Log.error(error.message, ["hint": "this is a bug; please report it"])
    }
}
