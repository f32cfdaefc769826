import JSON
import Ledger
import Model
import Platform
import Scheduler

// What goes wrong.
extension CrashSimulation {
    mutating func trouble() {
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
                store(batch)
            }
        }
        core = nil
        start()
    }

    /// Somebody sets the clock, by up to an hour forth or back.
    mutating func setClock() {
        let step = Int64(random.below(7_200_000)) - 3_600_000
        note("the clock is set by \(step) ms")
        real += step
        feed(.tick)
    }
}
