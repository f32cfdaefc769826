public import Model

extension Plan {
    /// A node and what nobody holds of it for the whole of some time.
    public struct NodeRoom: Sendable, Hashable {
        public var node: Node
        public var free: Resources
    }

    /// What each node that takes machines has free at every moment from `start` to `end`, in the order of their making.
    public func rooms(from start: Instant, until end: Instant) -> [NodeRoom] {
        let from = max(start, now).milliseconds
        return nodes.filter(\.usable).map { state in
            NodeRoom(node: state.facts, free: lanes.resources(state.free.minimum(from, max(from + 1, end.milliseconds))))
        }
    }
}
