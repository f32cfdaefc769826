public import Model
import Platform

extension Workload {
    /// Jobs of a made-up year: arrivals without memory, sizes and run times spread over magnitudes, as many as keep the nodes busy for
    /// `load` of the time. The same seed gives the same jobs.
    public static func synthetic(jobs count: Int, nodes: Int, days: Double = 365, load: Double = 0.7, seed: UInt64, each: Resources)
        -> Workload
    {
        var random = SplitMix(state: seed)
        let span = days * 86_400_000
        // Machines: powers of two up to a sixteenth of the nodes; run times: even in their logarithm, from 10 s to some hours.
        var sizes: [Int] = [1]
        while sizes[sizes.count - 1] * 2 <= max(1, nodes / 16) { sizes.append(sizes[sizes.count - 1] * 2) }
        var jobs: [Job] = []
        jobs.reserveCapacity(count)
        var time = 0.0
        var area = 0.0
        for number in 0..<count {
            time += -log2(1 - random.unit()) * 0.693147 * span / Double(count)
            let size = sizes[Int(random.unit() * random.unit() * Double(sizes.count))]
            let real = 10_000 * exp2(random.unit() * 11)
            area += real * Double(size)
            jobs.append(
                Job(
                    id: "s\(number)", owner: "u\(Int(random.unit() * 200))", submit: Int64(time), start: nil,
                    requested: Int64(real * (1 + 4 * random.unit())), real: Int64(real), machines: size, each: each))
        }
        // Stretch or squeeze run times to the load that is asked for.
        let factor = load * span * Double(nodes) / max(1, area)
        for index in jobs.indices {
            jobs[index].real = max(1000, Int64(Double(jobs[index].real) * factor))
            jobs[index].requested = max(jobs[index].real, Int64(Double(jobs[index].requested) * factor))
        }
        return Workload(jobs: jobs)
    }
}

extension SplitMix {
    /// At least 0, less than 1.
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }
}

/// The logarithm to the base of two, from the number's own exponent and a series: no C library, the same everywhere.
func log2(_ value: Double) -> Double {
    let m = value.significand
    let y = (m - 1) / (m + 1)
    var (sum, power) = (0.0, y)
    for n in stride(from: 1, through: 31, by: 2) {
        sum += power / Double(n)
        power *= y * y
    }
    return Double(value.exponent) + 2 * sum / 0.693147180559945309
}

func exp2(_ power: Double) -> Double {
    let whole = power.rounded(.down)
    let x = (power - whole) * 0.693147180559945309
    var (sum, term) = (1.0, 1.0)
    for n in 1..<16 {
        term *= x / Double(n)
        sum += term
    }
    return sum * Double(sign: .plus, exponent: Int(whole), significand: 1)
}
