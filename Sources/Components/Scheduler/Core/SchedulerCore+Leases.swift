import JSON
import Ledger
import Model
import Planner
import Platform

// The life of a lease after its promise.
extension SchedulerCore {
    // MARK: beginning

    /// Gives seats their nodes and the lease its times, as the planner placed it.
    func place(_ entry: LeaseEntry, _ placement: Placement) {
        for place in placement.machines {
            let group = entry.lease.terms.groups[place.group].name
            let machine =
                entry.machines.last { !$0.machine.isFinal && $0.machine.group == group && $0.machine.ordinal == place.index }
                ?? newSeat(entry, group: place.group, ordinal: place.index)
            guard machine.machine.state == .open else { continue }
            machine.machine.provider = place.node.provider
            machine.machine.node = place.node.node
        }
        entry.lease.start = placement.start
        setEnd(entry, placement.end)
        entry.lease.plan.prepare = placement.prepare
        rememberSeats(entry)
        changed(entry)
    }

    func setEnd(_ entry: LeaseEntry, _ end: Instant?) {
        entry.lease.end = end
        let isReal = entry.lease.terms.kind == .advance || entry.lease.terms.kind == .deadline
        entry.lease.steadyEnd = isReal ? nil : end.map { now.steady + ($0 - now.real) }
    }

    @discardableResult
    func newSeat(_ entry: LeaseEntry, group: Int, ordinal: Int) -> MachineEntry {
        add(newMachine(ids.machine(at: now.real), of: entry, group: group, ordinal: ordinal), to: entry)
    }

    /// Machines that are not made yet are kept with their lease.
    func rememberSeats(_ entry: LeaseEntry) {
        entry.lease.plan.seats = entry.machines.filter { $0.machine.state == .open && !$0.isStored }.map {
            LeasePlan.Seat(
                machine: $0.machine.id, group: entry.groupIndex($0.machine.group), ordinal: $0.machine.ordinal,
                provider: $0.machine.provider, node: $0.machine.node)
        }
        changed(entry)
    }

    /// Has the machines made whose time has come: those with a place, except what an elastic lease only keeps room for.
    func begin(_ entry: LeaseEntry) {
        for machine in entry.machines where machine.machine.state == .open && machine.machine.provider != nil {
            guard machine.machine.ordinal < entry.wanted(entry.groupIndex(machine.machine.group)) else { continue }
            spawn(machine)
        }
        rememberSeats(entry)
        entry.lease.plan.retry = nil
        if entry.lease.state != .preparing {
            move(entry, to: .preparing)
            note(entry)
        }
        entry.preparesSince = now.steady + max(0, (entry.lease.start ?? now.real) - now.real)
        armTimers(entry)
    }

    /// Writes down that a machine is to be made.
    func spawn(_ entry: MachineEntry) {
        guard let name = entry.machine.provider, let provider = providers[name] else { return }
        move(entry, to: .spawning)
        note(entry)
        intend(.create, entry, arguments: spec(entry.machine, of: entry.owner.lease, at: provider))
    }

    // MARK: settling

    /// Looks at a lease after something changed, and moves it on.
    func settle(_ entry: LeaseEntry) {
        guard leases[entry.lease.id] === entry else { return }
        switch entry.lease.state {
        case .preparing: settlePreparing(entry)
        case .active: settleActive(entry)
        case .suspending: settleSuspending(entry)
        case .resuming: settleResuming(entry)
        case .ending: settleEnding(entry)
        case .queued, .scheduled, .suspended, .new, .done, .cancelled, .rejected, .failed: break
        }
        removeUnwanted(entry)
    }

    private func settlePreparing(_ entry: LeaseEntry) {
        let wanted = entry.machines.filter { !$0.machine.isFinal && isWanted($0) }
        let ready = wanted.filter { $0.machine.state == .fulfilled }.count
        if !entry.waiters.isEmpty {
            for token in entry.waiters {
                outbox.replies.append(
                    (token, .progress(Double(ready) / Double(max(1, wanted.count)), "\(ready) of \(wanted.count) machines ready")))
            }
        }
        if wanted.isEmpty { return }
        guard entry.lease.terms.atomic ? ready == wanted.count : ready > 0 else { return }
        // One that has been active is so again: after a sleep its start may lie ahead, as long as the planner thinks that waking takes.
        if let start = entry.lease.start, start > now.real, !entry.lease.plan.wasActive {
            timers.add(.lease(entry.key), at: now.steady + (start - now.real))
            return
        }
        move(entry, to: .active, reason: entry.lease.terms.atomic ? nil : entry.lease.reason)
        note(entry, entry.lease.plan.wasActive ? ["again": true] : [:])
        entry.lease.plan.wasActive = true
        answerWaiters(entry)
    }

    private func settleActive(_ entry: LeaseEntry) {
        guard entry.lease.terms.atomic else { return }
        guard entry.machines.contains(where: { $0.machine.state == .spawning && isWanted($0) }) else { return }
        move(entry, to: .preparing, reason: entry.lease.reason)
        note(entry)
    }

    func isWanted(_ machine: MachineEntry) -> Bool {
        machine.machine.ordinal < machine.owner.wanted(machine.owner.groupIndex(machine.machine.group))
    }

    func answerWaiters(_ entry: LeaseEntry) {
        guard !entry.waiters.isEmpty else { return }
        let body: JSON = ["lease": show(entry)]
        for token in entry.waiters {
            waiting.remove(token)
            answer(token, body)
        }
        entry.waiters = []
    }

    /// Final machines that still stand somewhere are destroyed, in whatever state their lease is.
    private func removeUnwanted(_ entry: LeaseEntry) {
        for machine in entry.machines where machine.machine.isFinal && machine.intent == nil {
            guard machine.machine.nativeID != nil, machine.machine.observed != .gone else {
                if machine.tombstone == nil || machine.tombstone?.isSettled == true { setBodily(machine, false) }
                continue
            }
            if keeps(machine) { continue }
            intend(.destroy, machine, arguments: ["native_id": JSON(machine.machine.nativeID)])
        }
    }

    // MARK: ending

    /// The lease is over as `outcome`: its room is free at once in the plan, its machines are taken away, and then it is so.
    /// `more` goes into the event.
    func finish(_ entry: LeaseEntry, as outcome: LeaseState, reason: String?, _ more: JSON = [:]) {
        guard !entry.lease.isFinal, entry.lease.state != .ending else { return }
        plan.end(entry.key, now: now.real)
        planIsDue = true
        let hadMachines = entry.lease.state != .queued && entry.lease.state != .scheduled
        for machine in entry.machines where !machine.machine.isFinal { unwanted(machine, as: outcome) }
        entry.lease.plan.seats = []
        let standing = entry.openIntents > 0 || entry.machines.contains { $0.isBodily }
        if hadMachines || (standing && entry.lease.state.canMove(to: .ending)) {
            do throws(BerthError) {
                try entry.lease.end(as: outcome, reason: reason)
            } catch {
                violated(error)
            }
            changed(entry)
        } else {
            move(entry, to: outcome == .done ? .failed : outcome, reason: reason)
        }
        note(entry, more)
        if entry.lease.isFinal { answerWaiters(entry) }
    }

    /// Lets go of a machine: what may exist of it will be destroyed, or kept as its lease says.
    func unwanted(_ entry: MachineEntry, as outcome: LeaseState) {
        if entry.machine.state == .open, !entry.isStored {
            // Never more than a place in its lease.
            entry.owner.machines.removeAll { $0 === entry }
            machines[entry.machine.id] = nil
            return
        }
        let state: MachineState =
            switch outcome {
            case .cancelled: .deleted
            case .failed: .failed
            default: .closed
            }
        let why = entry.machine.state == .fulfilled || state != .failed ? nil : entry.machine.message
        move(entry, to: state == .failed && entry.machine.nativeID != nil ? .closed : state, message: why)
        note(entry)
        guard let intent = entry.intent else { return }
        if let call = intent.call {
            if intent.intent.verb == .create { outbox.cancels.append(call) }
            return
        }
        switch intent.intent.verb {
        case .create where intent.wasSent: bury(intent, why: "not wanted any more, and nobody knows whether it was made")
        case .create, .action: close(intent)
        case .destroy: break
        }
    }

    /// Whether a final machine stays at its provider, because its lease says so and its time was up.
    func keeps(_ entry: MachineEntry) -> Bool {
        let lease = entry.owner.lease
        guard lease.terms.onEnd != .destroy, lease.outcome == .done || lease.state == .done, entry.machine.state == .closed else {
            return false
        }
        // One that failed at rest or cannot be laid to rest is destroyed.
        return !entry.refused.contains("stop")
    }

    private func settleEnding(_ entry: LeaseEntry) {
        for machine in entry.machines where machine.intent == nil && keeps(machine) { layToRest(machine) }
        removeUnwanted(entry)
        guard entry.openIntents == 0 else { return }
        for machine in entry.machines {
            guard let tombstone = machine.tombstone, !tombstone.isSettled, machine.machine.nativeID == nil else { continue }
            // A provider that is there tells soon whether anything was made. One that is away must not hold up the end.
            if let name = machine.machine.provider, providers[name]?.isUsable == true { return }
            setBodily(machine, false)
        }
        guard let outcome = entry.lease.outcome else { return }
        move(entry, to: outcome, reason: entry.lease.reason)
        note(entry)
        answerWaiters(entry)
    }

    /// `on_end` is stop or suspend: the machine stays, at rest.
    private func layToRest(_ entry: MachineEntry) {
        guard entry.machine.nativeID != nil else { return }
        switch entry.machine.observed {
        case .gone, .stopped, .suspended: return
        case .building, .running, .paused, .error, .unknown: break
        }
        let suspends = entry.owner.lease.terms.onEnd == .suspend && !entry.refused.contains("suspend")
        intend(.action(suspends ? "suspend" : "stop"), entry)
    }

    /// A persistent lease that cannot be made now waits and is tried again.
    func requeue(_ entry: LeaseEntry, _ reason: String) {
        guard entry.lease.state.canMove(to: .queued) else { return finish(entry, as: .failed, reason: reason) }
        if let until = entry.lease.terms.validUntil, until <= now.real { return finish(entry, as: .failed, reason: reason) }
        plan.end(entry.key, now: now.real)
        planIsDue = true
        let pause: Int64 = 30_000
        entry.lease.plan.retry = now.real + pause
        backToQueue(entry, reason)
        timers.add(.lease(entry.key), at: now.steady + pause)
    }

    /// Takes the machines away; the lease stays and waits for room.
    func backToQueue(_ entry: LeaseEntry, _ reason: String, _ more: JSON = [:]) {
        for machine in entry.machines where !machine.machine.isFinal { unwanted(machine, as: .done) }
        for (index, group) in entry.lease.terms.groups.enumerated() {
            for ordinal in 0..<group.count { newSeat(entry, group: index, ordinal: ordinal) }
        }
        rememberSeats(entry)
        entry.lease.start = nil
        entry.lease.end = nil
        entry.lease.steadyEnd = nil
        move(entry, to: .queued, reason: reason)
        note(entry, more)
    }

    // MARK: timers

    func armTimers(_ entry: LeaseEntry) {
        switch entry.lease.state {
        case .preparing:
            let since = entry.preparesSince ?? now.steady + ((entry.lease.start ?? now.real) - now.real)
            entry.preparesSince = since
            timers.add(.lease(entry.key), at: since + settings.prepareWithin)
            for machine in entry.machines where machine.machine.state == .spawning { armReadiness(machine) }
        case .queued:
            if let retry = entry.lease.plan.retry { timers.add(.lease(entry.key), at: now.steady + max(0, retry - now.real)) }
        default: break
        }
    }

    func armReadiness(_ entry: MachineEntry) {
        guard let since = entry.runningSince, entry.machine.state == .spawning else { return }
        timers.add(.lease(entry.owner.key), at: since + readyTimeout(of: entry))
    }

    private func readyTimeout(of entry: MachineEntry) -> Int64 {
        Int64(entry.owner.lease.terms.groups.first { $0.name == entry.machine.group }?.readyTimeout ?? 300) * 1000
    }

    func leaseTimer(_ key: String) {
        guard let id = LeaseID(key), let entry = leases[id] else { return }
        touch(entry)
        switch entry.lease.state {
        case .preparing:
            for machine in entry.machines where machine.machine.state == .spawning {
                guard let since = machine.runningSince, now.steady >= since + readyTimeout(of: machine) else { continue }
                let seconds = readyTimeout(of: machine) / 1000
                let last = machine.machine.message.map { ": \($0)" } ?? ""
                failed(machine, "not ready (\(readiness(of: machine))) within \(seconds) s of running\(last)", isFinal: false)
            }
            // Also where nothing is being made any more: its machines failed, and the others wait for room in vain.
            guard entry.lease.state == .preparing, let since = entry.preparesSince, now.steady >= since + settings.prepareWithin,
                entry.live.isEmpty || entry.live.contains(where: { $0.machine.state != .fulfilled && isWanted($0) })
            else { return }
            let late = entry.machines.first { $0.machine.state == .spawning }
            let why = late.map {
                "\(describe($0)): " + ($0.intent?.intent.message ?? $0.machine.message ?? "still \($0.machine.observed.rawValue)")
            }
            let minutes = settings.prepareWithin / 60_000
            finish(entry, as: .failed, reason: "not ready within \(minutes) min of its start" + (why.map { "; \($0)" } ?? ""))
        case .queued:
            guard let retry = entry.lease.plan.retry, retry <= now.real else { return }
            retryQueued(entry)
        default: break
        }
    }

    private func retryQueued(_ entry: LeaseEntry) {
        guard plan.lease(entry.key) == nil, let request = try? planRequest(entry.lease) else { return }
        switch plan.decide(request, now: now.real) {
        case .placed(let placement):
            place(entry, placement)
            placement.prepare <= now.real ? begin(entry) : schedule(entry)
        case .queued: entry.lease.plan.retry = nil; changed(entry)
        case .refused(let refusal):
            if refusal.reason == .tooLate { return finish(entry, as: .failed, reason: refusal.message) }
            entry.lease.plan.retry = now.real + 30_000
            changed(entry)
            timers.add(.lease(entry.key), at: now.steady + 30_000)
        }
    }

    func schedule(_ entry: LeaseEntry) {
        move(entry, to: .scheduled)
        note(entry)
    }
}
