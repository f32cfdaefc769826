import Testing

@testable import Monitor

/// When an elastic lease grows and shrinks.
@Suite("elastic leases")
struct ElasticRuleTests {
    private let settings = MonitorSettings()

    /// The counts that a series of loads leads to, one each 15 s, each change being carried out.
    private func counts(_ loads: [Double?], from start: Int = 2, within bounds: ClosedRange<Int> = 1...10) -> [Int] {
        var rule = ElasticRule()
        var count = start
        var counts: [Int] = []
        for (index, load) in loads.enumerated() {
            let now = Int64(index) * 15_000
            if let wanted = rule.decide(load: load, count: count, within: bounds, now: now, settings) {
                rule.asked(at: now)
                count = wanted
            }
            counts.append(count)
        }
        return counts
    }

    @Test("a load over the threshold for a minute makes it grow, and not before")
    func grows() {
        #expect(counts([0.95, 0.95, 0.95, 0.95]) == [2, 2, 2, 2])
        #expect(counts([0.95, 0.95, 0.95, 0.95, 0.95]).last == 3)
    }

    @Test("a dip within the minute starts the minute anew")
    func dips() {
        #expect(counts([0.95, 0.95, 0.95, 0.5, 0.95, 0.95, 0.95, 0.95]).last == 2)
    }

    @Test("it grows by as many as bring the load to the middle, and never over its maximum")
    func bounds() {
        #expect(counts(Array(repeating: 1.0, count: 5), from: 7, within: 1...20).last == 10)
        #expect(counts(Array(repeating: 1.0, count: 40), from: 7, within: 1...9).last == 9)
    }

    @Test("a low load makes it shrink by one each time, and never below its minimum")
    func shrinks() {
        #expect(counts(Array(repeating: 0.1, count: 5), from: 4).last == 3)
        #expect(counts(Array(repeating: 0.0, count: 60), from: 4, within: 2...10).last == 2)
    }

    @Test("it does not shrink where the machines that stay would be near growing")
    func margin() {
        // Two at 45 % make one at 90 %.
        #expect(counts(Array(repeating: 0.45, count: 20), from: 2).last == 2)
    }

    @Test("the same work never makes it grow and shrink by turns")
    func flapping() {
        for tenths in 1...60 {
            let work = Double(tenths) / 10
            var rule = ElasticRule()
            var count = 1
            var directions: [Bool] = []
            for tick in 0..<400 {
                let now = Int64(tick) * 15_000
                let load = min(1, work / Double(count))
                guard let wanted = rule.decide(load: load, count: count, within: 1...10, now: now, settings) else { continue }
                rule.asked(at: now)
                directions.append(wanted > count)
                count = wanted
            }
            let turns = zip(directions, directions.dropFirst()).count { $0 != $1 }
            #expect(turns <= 1, "work \(work): \(directions)")
        }
    }

    @Test("an unknown load changes nothing")
    func unknown() {
        #expect(counts([0.95, 0.95, nil, 0.95, 0.95, 0.95]).last == 2)
    }
}
