import Foundation
import Platform
import TestSupport
import Testing

/// Kill -9 of the host, a worker, or both. `BERTH_KILLS` sets how many random rounds, `BERTH_KILL_POINTS` how many chosen points, and
/// `BERTH_KILL_SEED` the dice of the clients; `Scripts/kill` runs the large one.
@Suite("leases.kill", .serialized)
struct KillTests {
    @Test("killed at random moments: no acknowledged lease is lost, no machine is made twice or left without a lease, every state is true")
    func random() async throws {
        let harness = try KillHarness(seed: Self.number("BERTH_KILL_SEED", 1))
        for _ in 0..<Self.number("BERTH_KILLS", 15) { try await harness.randomRound() }
        #expect(try await harness.lost() == [])
        #expect(harness.acknowledged.count >= harness.figures.rounds && harness.seenMachines.count >= harness.figures.rounds)
        print("kill at random: \(harness.figures.text)")
    }

    @Test("killed before and after commits, driver calls and their effects: the same holds")
    func chosen() async throws {
        let harness = try KillHarness(seed: Self.number("BERTH_KILL_SEED", 2))
        let points = KillPoint.chosen(Self.number("BERTH_KILL_POINTS", 16))
        for point in points { try await harness.round(at: point) }
        #expect(try await harness.lost() == [])
        // A point that never comes by shows nothing.
        #expect(harness.figures.reached == points.count)
        print("kill at chosen points: \(harness.figures.text)")
    }

    private static func number<Number: FixedWidthInteger>(_ variable: String, _ usual: Number) -> Number {
        ProcessInfo.processInfo.environment[variable].flatMap { Number($0) } ?? usual
    }
}
