import Model
import Planner

/// Counts for itself what runs where, from what was ordered alone: no node may ever hold more than it has.
struct Audit {
    private var free: [NodeID: Resources] = [:]
    private var held: [Int: ([NodeID], Resources)] = [:]
    /// Room that comes back at a later time, when a suspend is through.
    private var returning: [(time: Int64, lease: Int)] = []
    private(set) var violations = 0

    init(nodes: [Node]) {
        for node in nodes { free[node.id] = node.total - node.foreign }
    }

    mutating func take(lease: Int, _ nodes: [NodeID], _ each: Resources, at time: Int64) {
        settle(time)
        give(lease)
        held[lease] = (nodes, each)
        for node in nodes {
            if var left = free[node] {
                left.milliCPUs -= each.milliCPUs
                left.memoryMiB -= each.memoryMiB
                if left.milliCPUs < 0 || left.memoryMiB < 0 { violations += 1 }
                free[node] = left
            } else {
                violations += 1
            }
        }
    }

    mutating func give(lease: Int, at time: Int64) {
        returning.append((time, lease))
    }

    private mutating func settle(_ time: Int64) {
        guard !returning.isEmpty else { return }
        for back in returning where back.time <= time { give(back.lease) }
        returning.removeAll { $0.time <= time }
    }

    private mutating func give(_ lease: Int) {
        guard let (nodes, each) = held.removeValue(forKey: lease) else { return }
        for node in nodes {
            free[node]?.milliCPUs += each.milliCPUs
            free[node]?.memoryMiB += each.memoryMiB
        }
    }
}
