import JSON
import Model
import Planner
import Platform

// What the planner says is due.
extension SchedulerCore {
    func runPlan() {
        // What is done may free room for the next: it ends when nothing is due.
        for _ in 0..<1000 {
            guard planIsDue || plan.nextWake.map({ $0 <= now.real }) == true else { return }
            planIsDue = false
            let actions = plan.advance(to: now.real)
            for action in actions { perform(action) }
            if actions.isEmpty, !planIsDue { return }
        }
    }

    private func entry(_ key: String) -> LeaseEntry? { LeaseID(key).flatMap { leases[$0] } }

    private func perform(_ action: Action) {
        switch action {
        case .start(let placement):
            guard let entry = entry(placement.lease), [.queued, .scheduled].contains(entry.lease.state) else { return }
            place(entry, placement)
            begin(entry)
        case .replan(let placement):
            guard let entry = entry(placement.lease), [.queued, .scheduled].contains(entry.lease.state) else { return }
            place(entry, placement)
            if entry.lease.state == .queued { schedule(entry) }
        case .add(let lease, let machines): entry(lease).map { add(machines, to: $0) }
        case .suspend(let lease, _):
            guard let entry = entry(lease), entry.lease.state.canMove(to: .suspending) else { return }
            entry.lease.plan.preemptions += 1
            suspend(entry, reason: "makes room for another lease; it goes on later", ["preempted": true])
        case .stop(let lease, _):
            guard let entry = entry(lease), entry.lease.state.canMove(to: .queued) else { return }
            entry.lease.plan.preemptions += 1
            backToQueue(entry, "stopped to make room for another lease; it starts again later", ["preempted": true])
        case .cancel(let lease, _):
            entry(lease).map { finish($0, as: .cancelled, reason: "cancelled to make room for another lease", ["preempted": true]) }
        case .resume(let placement):
            guard let entry = entry(placement.lease) else { return }
            resume(entry, placement)
        case .migrate(let lease, let machines): entry(lease).map { migrate($0, machines) }
        case .end(let lease): entry(lease).map { finish($0, as: .done, reason: "its time is up") }
        case .reject(let lease, let refusal):
            guard let entry = entry(lease) else { return }
            finish(entry, as: entry.lease.state == .queued ? .rejected : .failed, reason: refusal.message)
        }
    }

    private func add(_ places: [Placement.Machine], to entry: LeaseEntry) {
        for place in places {
            let group = entry.lease.terms.groups[place.group].name
            let seat =
                entry.machines.last { $0.machine.state == .open && $0.machine.group == group && $0.machine.ordinal == place.index }
                ?? newSeat(entry, group: place.group, ordinal: place.index)
            seat.machine.provider = place.node.provider
            seat.machine.node = place.node.node
            if [.preparing, .active].contains(entry.lease.state) { spawn(seat) }
        }
        rememberSeats(entry)
    }

    private func resume(_ entry: LeaseEntry, _ placement: Placement) {
        guard entry.lease.state == .suspended else { return }
        entry.lease.plan.asleep = false
        entry.lease.start = placement.start
        setEnd(entry, placement.end)
        for machine in entry.machines where machine.machine.state == .suspended { machine.refused = [] }
        move(entry, to: .resuming)
        note(entry)
    }

    private func migrate(_ entry: LeaseEntry, _ places: [Placement.Machine]) {
        for place in places {
            let group = entry.lease.terms.groups[place.group].name
            guard
                let machine = entry.machines.last(where: {
                    !$0.machine.isFinal && $0.machine.group == group && $0.machine.ordinal == place.index
                })
            else { continue }
            machine.migratesTo = place.node.node
            intend(.action("migrate"), machine, arguments: ["node": JSON(place.node.node)])
        }
    }

    // MARK: clocks

    /// Notes the time. Real and steady time run side by side; where they part, somebody set the clock.
    func see(_ fresh: Now) {
        let offset = fresh.real.milliseconds - fresh.steady
        now = fresh
        guard abs(offset - clockOffset) > 1000 else { return }
        let step = offset - clockOffset
        clockOffset = offset
        Log.warning("the clock was set", ["by_ms": "\(step)", "note": "durations go on as they were; dates are what the clock says"])
        for entry in leaseOrder { followClock(entry) }
        draft.events.append(Event(time: now.real, topic: "host.clock", subject: "clock", owner: nil, change: ["by_ms": JSON(step)]))
        rebuildPlan()
    }

    /// The end of a lease that lasts a duration is where that duration ends by the clock as it is now, and what has begun has begun.
    func followClock(_ entry: LeaseEntry) {
        followStart(entry)
        guard let steadyEnd = entry.lease.steadyEnd else { return }
        let end = now.real + (steadyEnd - now.steady)
        guard let shown = entry.lease.end, abs(shown - end) > 1000 else { return }
        if let start = entry.lease.start { entry.lease.start = start + (end - shown) }
        entry.lease.end = end
        changed(entry)
    }

    /// A lease that is made ready has come to its time to be; where the clock says otherwise, it was set back.
    private func followStart(_ entry: LeaseEntry) {
        guard entry.lease.terms.kind == .immediate || entry.lease.terms.kind == .bestEffort, entry.lease.steadyEnd == nil,
            [.preparing, .active].contains(entry.lease.state), let prepare = entry.lease.plan.prepare, prepare > now.real
        else { return }
        entry.lease.start = entry.lease.start.map { $0 + (now.real - prepare) }
        entry.lease.plan.prepare = now.real
        changed(entry)
    }
}
