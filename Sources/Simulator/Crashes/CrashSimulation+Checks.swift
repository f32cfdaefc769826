import JSON
import Ledger
import Model
import Scheduler

// What must hold.
extension CrashSimulation {
    mutating func fail(_ text: String) {
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

    /// Makes a batch durable, and looks at what it says about time.
    @discardableResult
    mutating func store(_ batch: Batch) -> [Event] {
        for lease in batch.leases { follow(lease) }
        return ledger.apply(batch)
    }

    /// Setting the clock cuts no duration: what was to run so long does, by a clock that nobody can set.
    private mutating func follow(_ lease: Lease) {
        switch lease.state {
        case .preparing where begun[lease.id] == nil: begun[lease.id] = steady
        case .queued: begun[lease.id] = nil
        case .ending where lease.outcome == .done:
            guard let since = begun[lease.id], let duration = lease.terms.duration, lease.steadyEnd != nil, lease.plan.preemptions == 0,
                !clients.changed.contains(lease.id)
            else { return }
            // What was begun may have been written down a little later.
            if steady - since < Int64(duration) * 1000 - 5000 {
                fail("\(lease.id) was to run \(duration) s and ran \((steady - since) / 1000) s")
            }
        default: break
        }
    }

    mutating func check() {
        if let violation = core?.violations.first ?? core?.audit().first { fail(violation) }
        for name in names {
            guard let provider = providers[name] else { continue }
            for node in provider.nodes where provider.used(node) > provider.cpusPerNode {
                fail("\(node) holds \(provider.used(node)) of \(provider.cpusPerNode) cpus")
            }
            if let key = provider.doubleKey { fail("two machines with the key \(key)") }
        }
    }

    mutating func checkRest() {
        guard outcome.failures.isEmpty else { return }
        let leases = ledger.allLeases
        let machines = ledger.allMachines
        outcome.leases = leases.count
        outcome.machines = machines.count
        checkPromises(leases)
        var owned: [LeaseID: [Machine]] = [:]
        for machine in machines where !machine.isFinal { owned[machine.lease, default: []].append(machine) }
        var wanted: [String: Machine] = [:]
        for lease in leases {
            let own = owned[lease.id] ?? []
            switch lease.state {
            case .active:
                for machine in own where machine.state == .fulfilled { wanted[machine.id.key.description] = machine }
                if own.filter({ $0.state == .fulfilled }).isEmpty { fail("\(lease.id) is active and has no machine") }
                if let end = lease.steadyEnd, end < steady - 60_000 { fail("\(lease.id) runs \((steady - end) / 1000) s past its end") }
            case .suspended:
                for machine in own { wanted[machine.id.key.description] = machine }
            case .queued, .scheduled, .done, .cancelled, .rejected, .failed:
                if own.contains(where: { $0.nativeID != nil }) { fail("\(lease.id) is \(lease.state) and has machines") }
            case .preparing where isEarly(lease):
                for machine in own where machine.state == .fulfilled { wanted[machine.id.key.description] = machine }
            case .new, .preparing, .suspending, .resuming, .ending: fail("\(lease.id) still is \(lease.state): \(lease.reason ?? "")")
            }
            checkSeats(lease, own)
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

    /// A reservation waits for its time with its machines ready, where the clock was set back.
    private func isEarly(_ lease: Lease) -> Bool {
        lease.terms.kind == .advance && (lease.start ?? Instant(milliseconds: 0)).milliseconds > real
    }

    /// What clients were told is so.
    private mutating func checkPromises(_ leases: [Lease]) {
        let known = Dictionary(leases.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for id in clients.acknowledged where known[id] == nil { fail("the acknowledged lease \(id) is lost") }
        for id in clients.cancelled.sorted() where known[id]?.isFinal != true {
            fail("\(id) was cancelled and is \(known[id].map { "\($0.state)" } ?? "lost")")
        }
        for name in clients.templates where !ledger.hasTemplate(name) { fail("the template \(name) is lost") }
    }

    /// Never more machines than wanted, and none twice.
    private mutating func checkSeats(_ lease: Lease, _ own: [Machine]) {
        var seats: Set<String> = []
        for machine in own {
            if !seats.insert("\(machine.group)-\(machine.ordinal)").inserted {
                fail("\(lease.id) has \(machine.group)-\(machine.ordinal) twice")
            }
            if machine.nativeID != nil, machine.ordinal >= lease.terms.groups[0].count {
                fail("\(lease.id) wants \(lease.terms.groups[0].count) machines and has \(machine.group)-\(machine.ordinal)")
            }
        }
    }
}
