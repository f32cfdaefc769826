import Platform
import Synchronization

/// Many seeds of the crash simulation, on several threads: each seed is a world of its own.
public struct CrashCampaign: Sendable {
    public var seeds = 0
    public var steps = 0
    public var crashes = 0
    public var leases = 0
    public var machines = 0
    /// The seeds that failed, in order.
    public var failed: [CrashSimulation.Outcome] = []

    /// Runs `count` seeds from `first` on. Stops early after ten that failed. `progress` is called now and then with how many are done.
    public static func run(
        first: UInt64, count: Int, threads: Int = 2, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> CrashCampaign {
        let next = Atomic(0)
        let total = Mutex(CrashCampaign())
        let workers = (0..<max(1, threads)).compactMap { _ in
            OSThread("simulation") {
                while true {
                    let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard index < count, total.withLock({ $0.failed.count < 10 }) else { return }
                    let outcome = CrashSimulation.run(seed: first + UInt64(index))
                    let done = total.withLock { total in
                        total.add(outcome)
                        return total.seeds
                    }
                    if done % 1000 == 0 { progress(done) }
                }
            }
        }
        for worker in workers { worker.join() }
        return total.withLock { total in
            var total = total
            total.failed.sort { $0.seed < $1.seed }
            return total
        }
    }

    private mutating func add(_ outcome: CrashSimulation.Outcome) {
        seeds += 1
        steps += outcome.steps
        crashes += outcome.crashes
        leases += outcome.leases
        machines += outcome.machines
        if !outcome.failures.isEmpty { failed.append(outcome) }
    }
}
