import Foundation
import Platform
import Simulator
import Testing

/// The real core under seeded crashes. `BERTH_SEEDS` sets how many seeds, `BERTH_SEED` the first one; `berth simulate crashes` runs more.
@Suite("leases through crashes", .serialized)
struct CrashSimulationTests {
    static let seeds = ProcessInfo.processInfo.environment["BERTH_SEEDS"].flatMap(Int.init) ?? 1000
    static let first = ProcessInfo.processInfo.environment["BERTH_SEED"].flatMap(UInt64.init) ?? 1

    @Test("whatever crashes, no acknowledged lease is lost, no machine is made twice, none is left without a lease")
    func seeds() {
        Log.level = .error
        let result = CrashCampaign.run(first: Self.first, count: Self.seeds)
        for outcome in result.failed.prefix(3) {
            Issue.record("\(outcome.failures.prefix(3)) \n\(outcome.trace.suffix(60).joined(separator: "\n"))")
        }
        // A simulation in which nothing happens shows nothing.
        #expect(result.crashes > Self.seeds / 2 && result.machines > Self.seeds)
        print(
            "\(result.seeds) seeds from \(Self.first): \(result.steps) steps, \(result.crashes) crashes of the host, \(result.leases) leases, "
                + "\(result.machines) machines")
    }

    @Test("a seed does the same each time")
    func repeats() {
        Log.level = .error
        let (once, again) = (CrashSimulation.run(seed: 7, traces: true), CrashSimulation.run(seed: 7, traces: true))
        #expect(once.steps == again.steps && once.trace == again.trace)
        #expect(once.steps > 50)
    }
}
