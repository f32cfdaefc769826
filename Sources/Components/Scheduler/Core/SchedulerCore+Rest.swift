import JSON
import Model
import Planner

// Suspending and resuming a whole lease: all machines are paused before any is saved, and run again together.
extension SchedulerCore {
    /// Starts to put a lease to sleep. What remains of its duration is kept for later.
    func suspend(_ entry: LeaseEntry, reason: String, _ more: JSON = [:]) {
        let isReal = entry.lease.terms.kind == .advance || entry.lease.terms.kind == .deadline
        entry.lease.remaining = entry.lease.end.map { max(0, $0 - now.real) }
        if let start = entry.lease.start { entry.lease.plan.ran += max(0, now.real - start) }
        if !isReal {
            entry.lease.end = nil
            entry.lease.steadyEnd = nil
        }
        move(entry, to: .suspending, reason: reason)
        note(entry, more)
    }

    func settleSuspending(_ entry: LeaseEntry) {
        let live = entry.machines.filter { !$0.machine.isFinal && $0.machine.state != .open }
        guard !live.isEmpty else { return finish(entry, as: .failed, reason: entry.lease.reason ?? "its machines are gone") }
        // One thing after the other: what is being made or moved is waited for.
        guard live.allSatisfy({ $0.intent == nil }) else { return }
        // An outcome that is unknown is asked for: the provider's state decides.
        guard !live.contains(where: { $0.machine.observed == .unknown || $0.machine.observed == .building }) else { return }
        let running = live.filter { $0.machine.observed == .running }
        let pauses = running.filter { machine in
            guard live.count > 1, !machine.refused.contains("pause"), let provider = machine.machine.provider else { return false }
            return providers[provider]?.can("pause") == true
        }
        if !pauses.isEmpty {
            for machine in pauses { intend(.action("pause"), machine) }
            return
        }
        let awake = live.filter { $0.machine.observed == .running || $0.machine.observed == .paused }
        if !awake.isEmpty {
            for machine in awake { intend(.action("suspend"), machine) }
            return
        }
        for machine in live where machine.machine.state != .suspended {
            if machine.machine.state == .spawning { move(machine, to: .fulfilled) }
            move(machine, to: .suspended)
            note(machine)
        }
        move(entry, to: .suspended, reason: entry.lease.reason)
        note(entry)
        plan.suspended(entry.key, now: now.real)
        planIsDue = true
        answerWaiters(entry)
    }

    func settleResuming(_ entry: LeaseEntry) {
        let live = entry.machines.filter { !$0.machine.isFinal && $0.machine.state != .open }
        guard !live.isEmpty else { return finish(entry, as: .failed, reason: "its machines are gone") }
        guard live.allSatisfy({ $0.intent == nil && $0.machine.observed != .unknown && !$0.isInspected }) else { return }
        let asleep = live.filter { $0.machine.observed == .suspended || $0.machine.observed == .stopped }
        if !asleep.isEmpty {
            for machine in asleep { intend(.action(machine.machine.observed == .suspended ? "resume" : "start"), machine) }
            return
        }
        let paused = live.filter { $0.machine.observed == .paused }
        if !paused.isEmpty {
            for machine in paused { intend(.action("unpause"), machine) }
            return
        }
        for machine in live where machine.machine.state == .suspended {
            move(machine, to: .fulfilled)
            note(machine)
        }
        entry.lease.remaining = nil
        move(entry, to: .active)
        note(entry, ["again": true])
        answerWaiters(entry)
    }

    /// A driver said for certain that it will not.
    func cannot(_ verb: String, _ machine: MachineEntry, _ failure: DriverFailure) {
        let entry = machine.owner
        machine.machine.message = "\(verb): \(failure.description)"
        changed(machine)
        note(machine)
        inspect(machine)
        machine.refused.insert(verb)
        let why = "\(describe(machine)): \(verb): \(failure.description)"
        switch (entry.lease.state, verb) {
        case (.suspending, "suspend"):
            if failure.code == .conflict {
                // Its state is another than we thought: ask, and try again.
                machine.refused.remove(verb)
                machine.machine.observed = .unknown
                return
            }
            // All or none: the others run on.
            plan.suspended(entry.key, now: now.real)
            _ = plan.wake(entry.key, now: now.real)
            planIsDue = true
            for other in entry.machines where other.machine.state == .fulfilled && other.machine.observed == .suspended {
                move(other, to: .suspended)
            }
            move(entry, to: .suspended, reason: why)
            note(entry)
        case (.resuming, "resume"), (.resuming, "start"), (.resuming, "unpause"):
            if failure.code == .conflict {
                machine.refused.remove(verb)
                machine.machine.observed = .unknown
                return
            }
            finish(entry, as: .failed, reason: why)
        case (.ending, "suspend"): machine.refused.insert("suspend")
        case (.ending, "stop"): machine.refused.insert("stop")
        default: break
        }
    }
}
