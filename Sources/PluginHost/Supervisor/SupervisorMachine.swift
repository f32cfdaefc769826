import Model

/// A provider's life as a pure state machine: what happened goes in, what is to be done comes out. No clock, no process, no
/// socket; `ProviderHost` has those. Times are `CLOCK_MONOTONIC` milliseconds.
struct SupervisorMachine: Sendable, Equatable {
    /// What does not change while the machine lives.
    struct Rules: Sendable, Equatable {
        var budget = RestartBudget.standard
        /// Back-off between workers: doubled with each death, back to the first after a good call.
        var firstDelay: Int64 = 100
        var longestDelay: Int64 = 5_000
        /// How long a quarantine lasts: 1, 2, 4 … 15 min.
        var firstQuarantine: Int64 = 60_000
        var longestQuarantine: Int64 = 900_000
        /// How often health is asked while something is wrong.
        var probe: Int64 = 5_000
        /// False in `thread` isolation: what hangs cannot be ended.
        var canKill = true
    }

    /// What happened.
    enum Input: Sendable, Equatable {
        case start
        /// The worker is there, and the driver is loaded in it.
        case loaded
        /// The driver cannot be loaded, or the settings do not fit.
        case notLoaded(BerthError)
        case opened
        case notOpened(CallStatus, String)
        case healthy
        case unhealthy(CallStatus, String)
        /// A call other than health went well.
        case calledWell
        /// Something hints that the provider is not as it was: a call that answered `unreachable`, a HEALTH event.
        case doubted
        /// The worker could not even be started.
        case notStarted(String)
        /// It is gone: asked to, killed by us, or by itself.
        case exited(String)
        /// A call outlived its deadline, memory its limit, or the worker talks nonsense: it must go.
        case mustDie(String)
        /// No call is in flight any more.
        case idle
        case drain
        case resume
        case reset
        /// New settings or a changed file; nil: it cannot be used as it is now configured.
        case reload
        case disable
        case unconfigure(String)
        case stop
        /// The time that `wake` named.
        case tick
    }

    /// What is to be done, in this order.
    enum Effect: Sendable, Equatable {
        /// Start a worker and tell it what to load.
        case spawn
        case open
        case askHealth
        /// No new calls go to this worker; `idle` is wanted when none is in flight.
        case quiesce
        /// Close the driver and end the worker.
        case stopWorker
        case killWorker
        /// Calls may go to the worker.
        case release
        /// Calls that wait are answered with this.
        case refuse(CallStatus, String)
    }

    /// Where a worker's end leads.
    enum Destination: Sendable, Equatable {
        case off(Off)
        case spawn
        case count(reason: String)
        case quarantine(reason: String)
    }

    enum Off: Sendable, Equatable {
        case stopped
        case disabled
        case unconfigured(String)
    }

    enum Health: Sendable, Equatable {
        case good
        case unreachable(String)
        case degraded(String)
    }

    enum Phase: Sendable, Equatable {
        case off(Off)
        case loading
        case opening
        case firstHealth
        case up(Health, asking: Bool)
        /// The worker is there, the driver could not open: tried again.
        case closed(String)
        /// The worker finishes its calls, is asked to go, is killed, and leads to somewhere.
        case quiescing(Destination)
        case stopping(Destination)
        case dying(Destination)
        /// No worker; the next one comes at `wake`.
        case waiting(String)
        case quarantined(String)
    }

    private(set) var phase = Phase.off(.stopped)
    private(set) var isDraining = false
    /// When `tick` is wanted.
    private(set) var wake: Int64?
    let rules: Rules

    /// Deaths within the budget's window.
    private var deaths: [Int64] = []
    private var delay: Int64
    private var openDelay: Int64
    /// How many quarantines since the last good call.
    private var quarantines = 0
    /// Whether a worker ever was: `restarting` rather than `starting`.
    private var wasUp = false
    private var lastUnreachable: String?

    init(_ rules: Rules = Rules()) {
        self.rules = rules
        delay = rules.firstDelay
        openDelay = rules.firstDelay
    }
}

// MARK: - what a provider is

extension SupervisorMachine {
    /// The state and its reason, as people see it. Nil: stopped.
    var state: (state: ProviderState, reason: String?) {
        switch phase {
        case .off(.stopped): (.disabled, "the host is stopping")
        case .off(.disabled): (.disabled, "switched off in the configuration (enabled = no)")
        case .off(.unconfigured(let reason)): (.unconfigured, reason)
        case .quarantined(let reason): (.quarantined, reason)
        case .closed(let reason): (.unreachable, reason)
        case .loading, .opening, .firstHealth:
            if let lastUnreachable { (.unreachable, lastUnreachable) } else { (wasUp ? .restarting : .starting, nil) }
        case .waiting(let reason): (.restarting, reason)
        case .quiescing, .stopping, .dying: (.restarting, nil)
        case .up(.unreachable(let reason), _): (.unreachable, reason)
        case .up where isDraining: (.draining, "drained by the operator; see berth providers resume")
        case .up(.degraded(let reason), _): (.degraded, reason)
        case .up(.good, _): (.ready, nil)
        }
    }

    /// Whether calls go to the worker now.
    var isOpen: Bool {
        if case .up = phase { true } else { false }
    }

    /// Whether a worker that ends now was asked to, or killed.
    var isEndExpected: Bool {
        switch phase {
        case .quiescing, .stopping, .dying: true
        case .off, .loading, .opening, .firstHealth, .up, .closed, .waiting, .quarantined: false
        }
    }

    /// What a new call gets at once; nil: it goes to the worker or waits for one.
    var refusal: (status: CallStatus, message: String)? {
        switch phase {
        case .off(.stopped): (.retry, "the host is stopping")
        case .off, .quarantined: (.unreachable, state.reason ?? "")
        case .closed(let reason): (.unreachable, reason)
        case .loading, .opening, .firstHealth: lastUnreachable.map { (.unreachable, $0) }
        case .stopping(.off), .quiescing(.off), .dying(.off): (.retry, "the provider is being stopped")
        case .dying(.quarantine(let reason)): (.unreachable, reason)
        case .up, .waiting, .quiescing, .stopping, .dying: nil
        }
    }
}

// MARK: - what happens

extension SupervisorMachine {
    mutating func handle(_ input: Input, at now: Int64) -> [Effect] {
        switch input {
        case .drain:
            isDraining = true
            return []
        case .resume:
            isDraining = false
            return []
        case .stop: return leave(for: .off(.stopped))
        case .disable: return leave(for: .off(.disabled))
        case .unconfigure(let reason): return leave(for: .off(.unconfigured(reason)))
        case .start, .reload, .reset: return restart(input)
        case .mustDie(let reason): return mustDie(reason)
        case .exited(let how): return exited(how, at: now)
        case .notStarted(let reason):
            phase = .dying(.count(reason: reason))
            return exited(reason, at: now)
        case .tick: return tick(at: now)
        case .loaded, .notLoaded, .opened, .notOpened, .healthy, .unhealthy, .calledWell, .doubted, .idle: return progress(input, at: now)
        }
    }

    /// `start`, `reload` and `reset`: the past is forgotten. A worker that is well survives a `reset`.
    private mutating func restart(_ input: Input) -> [Effect] {
        if case .stopping(.off(.stopped)) = phase { return [] }
        forget()
        switch phase {
        case .off, .waiting, .quarantined: return spawn()
        case .up, .quiescing:
            if input == .reset, case .up = phase { return [] }
            phase = .quiescing(.spawn)
            wake = nil
            return [.quiesce]
        case .loading, .opening, .firstHealth, .closed:
            if input == .start { return [] }
            return kill(for: .spawn)
        case .stopping:
            phase = .stopping(.spawn)
            return []
        case .dying:
            phase = .dying(.spawn)
            return []
        }
    }

    private mutating func forget() {
        deaths = []
        delay = rules.firstDelay
        openDelay = rules.firstDelay
        quarantines = 0
        lastUnreachable = nil
    }

    private mutating func spawn() -> [Effect] {
        phase = .loading
        wake = nil
        return [.spawn]
    }

    private mutating func kill(for destination: Destination) -> [Effect] {
        phase = .dying(destination)
        wake = nil
        return [.killWorker]
    }

    /// The worker ends in order, if there is one, and the provider stays off.
    private mutating func leave(for destination: Destination) -> [Effect] {
        guard case .off(let off) = destination else { return [] }
        let refusal = Effect.refuse(off == .stopped ? .retry : .unreachable, leaving(off))
        wake = nil
        switch phase {
        case .off, .waiting, .quarantined:
            phase = .off(off)
            return [refusal]
        case .up, .quiescing:
            phase = .quiescing(destination)
            return [.quiesce, refusal]
        case .loading, .opening, .firstHealth: return kill(for: destination) + [refusal]
        case .closed:
            phase = .stopping(destination)
            return [.stopWorker, refusal]
        case .stopping: phase = .stopping(destination)
        case .dying: phase = .dying(destination)
        }
        return [refusal]
    }

    private func leaving(_ off: Off) -> String {
        switch off {
        case .stopped: "the host is stopping"
        case .disabled: "the provider is switched off in the configuration"
        case .unconfigured(let reason): reason
        }
    }

    private mutating func mustDie(_ reason: String) -> [Effect] {
        switch phase {
        case .off, .waiting, .quarantined, .dying: return []
        case .quiescing(let destination), .stopping(let destination): return kill(for: destination)
        case .loading, .opening, .firstHealth, .up, .closed:
            guard rules.canKill else {
                // What cannot be killed is left alone, and so is its provider.
                return kill(for: .quarantine(reason: reason)) + [.refuse(.unreachable, reason)]
            }
            return kill(for: .count(reason: reason))
        }
    }

    private mutating func exited(_ how: String, at now: Int64) -> [Effect] {
        let destination: Destination
        switch phase {
        case .off, .waiting, .quarantined: return []
        case .quiescing(let planned), .stopping(let planned), .dying(let planned): destination = planned
        case .loading, .opening, .firstHealth, .up, .closed: destination = .count(reason: how)
        }
        switch destination {
        case .off(let off):
            phase = .off(off)
            wake = nil
            return []
        case .spawn: return spawn()
        case .quarantine(let reason): return quarantine(reason, at: now)
        case .count(let reason): return count(reason, at: now)
        }
    }

    /// A death: another worker after the back-off, or quarantine past the budget.
    private mutating func count(_ reason: String, at now: Int64) -> [Effect] {
        deaths.removeAll { $0 <= now - rules.budget.milliseconds }
        deaths.append(now)
        // The first worker after a quarantine is on trial: one more death is enough.
        guard quarantines == 0, deaths.count <= rules.budget.count else {
            let often =
                quarantines > 0
                ? "died again after a quarantine" : "died \(deaths.count) times in \(SupervisorMachine.words(rules.budget.milliseconds))"
            return quarantine("\(often): \(reason)", at: now)
        }
        phase = .waiting(reason)
        wasUp = true
        wake = now + delay
        delay = min(delay * 2, rules.longestDelay)
        return []
    }

    private mutating func quarantine(_ reason: String, at now: Int64) -> [Effect] {
        let duration = min(rules.firstQuarantine << min(quarantines, 8), rules.longestQuarantine)
        quarantines += 1
        deaths = []
        delay = rules.firstDelay
        lastUnreachable = nil
        phase = .quarantined(reason)
        wake = now + duration
        return [.refuse(.unreachable, "quarantined: \(reason)")]
    }

    private mutating func tick(at now: Int64) -> [Effect] {
        guard let wake, wake <= now else { return [] }
        self.wake = nil
        switch phase {
        case .waiting, .quarantined: return spawn()
        case .closed:
            phase = .opening
            return [.open]
        case .up(let health, asking: false):
            phase = .up(health, asking: true)
            return [.askHealth]
        case .off, .loading, .opening, .firstHealth, .up, .quiescing, .stopping, .dying: return []
        }
    }

    /// `60s`, `15 min`.
    static func words(_ milliseconds: Int64) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000) s" : "\(milliseconds) ms"
    }
}

// MARK: - a worker's way up, and its health

extension SupervisorMachine {
    private mutating func progress(_ input: Input, at now: Int64) -> [Effect] {
        switch (phase, input) {
        case (.loading, .loaded):
            phase = .opening
            return [.open]
        case (.loading, .notLoaded(let error)): return notLoaded(error)
        case (.opening, .opened):
            phase = .firstHealth
            return [.askHealth]
        case (.opening, .notOpened(let status, let message)): return notOpened(status, message, at: now)
        case (.firstHealth, .healthy), (.firstHealth, .unhealthy):
            phase = .up(.good, asking: true)
            openDelay = rules.firstDelay
            lastUnreachable = nil
            wasUp = true
            return judge(input, at: now) + [.release]
        case (.up, .healthy), (.up, .unhealthy): return judge(input, at: now)
        case (.up(let health, asking: false), .doubted):
            phase = .up(health, asking: true)
            wake = nil
            return [.askHealth]
        case (.up, .calledWell):
            delay = rules.firstDelay
            quarantines = 0
            return []
        case (.quiescing(let destination), .idle):
            phase = .stopping(destination)
            return [.stopWorker]
        default: return []
        }
    }

    private mutating func judge(_ input: Input, at now: Int64) -> [Effect] {
        var health = Health.good
        if case .unhealthy(let status, let message) = input {
            health = SupervisorMachine.isPassing(status) ? .unreachable(message) : .degraded(message)
        }
        phase = .up(health, asking: false)
        wake = health == .good ? nil : now + rules.probe
        return []
    }

    /// A driver that does not load, or settings that do not fit, stay so until somebody changes a file; the lock of a worker
    /// that is still there does not.
    private mutating func notLoaded(_ error: BerthError) -> [Effect] {
        switch error.code {
        case .conflict, .retry, .broken: return kill(for: .count(reason: error.description))
        case .invalid: return kill(for: .off(.unconfigured(error.description))) + [.refuse(.unreachable, error.description)]
        default: return kill(for: .quarantine(reason: error.description)) + [.refuse(.unreachable, error.description)]
        }
    }

    /// A provider that is away is asked again soon; one that says no is not pestered (a wrong password locks accounts).
    private mutating func notOpened(_ status: CallStatus, _ message: String, at now: Int64) -> [Effect] {
        if status == .broken { return kill(for: .count(reason: "open: \(message)")) }
        guard SupervisorMachine.isPassing(status) else {
            let reason = "open was refused (\(status.code?.rawValue ?? "")): \(message)"
            return kill(for: .quarantine(reason: reason)) + [.refuse(.unreachable, reason)]
        }
        phase = .closed(message)
        lastUnreachable = message
        wake = now + openDelay
        openDelay = min(openDelay * 2, rules.longestDelay)
        return [.refuse(.unreachable, message)]
    }

    private static func isPassing(_ status: CallStatus) -> Bool {
        [.unreachable, .retry, .deadline, .cancelled, .exhausted].contains(status)
    }
}
