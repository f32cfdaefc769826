public import Model

/// In which order members are asked once this host is full: the ranks of their providers, from 1 (0 is this host).
public struct Picker: Sendable {
    public enum Policy: String, Sendable, CaseIterable {
        /// The one with most cpus free for us first, then by memory.
        case mostFree = "most-free"
        /// Each in turn: who made a machine for us goes to the end.
        case roundRobin = "round-robin"
    }

    public var policy: Policy
    /// Counts machines made; by member, when it was last chosen.
    private var turn = 0
    private var turns: [String: Int] = [:]

    public init(_ policy: Policy) {
        self.policy = policy
    }

    /// A machine was made there.
    public mutating func chose(_ member: String) {
        turn += 1
        turns[member] = turn
    }

    public func ranks(_ free: [String: Resources]) -> [String: Int] {
        let order = free.sorted { left, right in
            switch policy {
            case .mostFree:
                let (a, b) = ((left.value.milliCPUs, left.value.memoryMiB), (right.value.milliCPUs, right.value.memoryMiB))
                if a != b { return a > b }
            case .roundRobin:
                let (a, b) = (turns[left.key] ?? 0, turns[right.key] ?? 0)
                if a != b { return a < b }
            }
            return left.key < right.key
        }
        return Dictionary(uniqueKeysWithValues: order.enumerated().map { ($0.element.key, $0.offset + 1) })
    }
}
