import Foundation
import Platform
import Simulator
import Testing

/// The real core under seeded crashes. `BERTH_SEEDS` sets how many seeds, `BERTH_SEED` the first one.
@Suite("leases through crashes", .serialized)
struct CrashSimulationTests {
    static let seeds = ProcessInfo.processInfo.environment["BERTH_SEEDS"].flatMap(Int.init) ?? 1000
    static let first = ProcessInfo.processInfo.environment["BERTH_SEED"].flatMap(UInt64.init) ?? 1

    @Test("whatever crashes, no acknowledged lease is lost, no machine is made twice, none is left without a lease")
    func seeds() {
        Log.level = .error
        var (steps, crashes, machines) = (0, 0, 0)
        for seed in Self.first..<(Self.first + UInt64(Self.seeds)) {
            let outcome = CrashSimulation.run(seed: seed)
            steps += outcome.steps
            crashes += outcome.crashes
            machines += outcome.machines
            #expect(outcome.failures.isEmpty, "\(outcome.failures.prefix(3)) \n\(outcome.trace.suffix(60).joined(separator: "\n"))")
            if !outcome.failures.isEmpty { break }
        }
        // A simulation in which nothing happens shows nothing.
        #expect(crashes > Self.seeds / 2 && machines > Self.seeds)
        print("\(Self.seeds) seeds from \(Self.first): \(steps) steps, \(crashes) crashes of the host, \(machines) machines")
    }

    @Test("a seed does the same each time")
    func repeats() {
        Log.level = .error
        let (once, again) = (CrashSimulation.run(seed: 7), CrashSimulation.run(seed: 7))
        #expect(once.steps == again.steps && once.trace == again.trace)
        #expect(once.steps > 50)
    }
}
