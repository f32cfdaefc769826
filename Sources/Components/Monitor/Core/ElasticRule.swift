/// When an elastic lease grows and shrinks, by the mean load of its machines.
///
/// Against flapping: the load must have been beyond its threshold for a whole `settle`; after a change as much time passes before
/// the next; and a lease shrinks only where the machines that stay would be no nearer to growing than to shrinking.
struct ElasticRule {
    private var highSince: Int64?
    private var lowSince: Int64?
    private var changed: Int64?

    /// The number of machines wanted now; nil: as it is. `load` is nil where it is not known.
    mutating func decide(
        load: Double?, count: Int, within bounds: ClosedRange<Int>, now: Int64, _ settings: MonitorSettings
    ) -> Int? {
        guard let load, count > 0 else {
            (highSince, lowSince) = (nil, nil)
            return nil
        }
        let middle = (settings.growAbove + settings.shrinkBelow) / 2
        let isHigh = load >= settings.growAbove
        let isLow = load <= settings.shrinkBelow && count > 1 && load * Double(count) / Double(count - 1) <= middle
        highSince = isHigh ? highSince ?? now : nil
        lowSince = isLow ? lowSince ?? now : nil
        if let changed, now - changed < settings.settle { return nil }
        if let highSince, now - highSince >= settings.settle, count < bounds.upperBound {
            // So many that the load comes to the middle, at least one.
            let fitting = Int((load * Double(count) / max(middle, 0.01)).rounded(.up))
            return min(max(count + 1, fitting), bounds.upperBound)
        }
        if let lowSince, now - lowSince >= settings.settle, count > bounds.lowerBound { return count - 1 }
        return nil
    }

    /// A change was asked for, whatever came of it: the load is measured anew.
    mutating func asked(at now: Int64) {
        changed = now
        (highSince, lowSince) = (nil, nil)
    }
}
