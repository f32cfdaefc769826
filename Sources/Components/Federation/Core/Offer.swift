public import JSON
public import Model

/// What one member is offered of this host's room: a capacity document like a driver's, so that the member's planner sees nodes.
public struct Offer: Sendable {
    /// A node of ours: what it has free for some time, and what the member holds there already.
    public struct Node: Sendable {
        public var id: String
        public var facts: JSON
        public var free: Resources
        public var held: Resources

        public init(id: String, facts: JSON = [:], free: Resources, held: Resources = .zero) {
            self.id = id
            self.facts = facts
            self.free = free
            self.held = held
        }
    }

    /// Cuts the free room down to the limit: the emptiest nodes are offered first, so that large machines find a place.
    public static func cut(_ nodes: [Node], to limit: Resources) -> [Node] {
        var left = limit
        var cut = nodes
        let order = nodes.indices.sorted { a, b in
            let (x, y) = (nodes[a].free, nodes[b].free)
            return (x.milliCPUs, x.memoryMiB) != (y.milliCPUs, y.memoryMiB)
                ? (x.milliCPUs, x.memoryMiB) > (y.milliCPUs, y.memoryMiB) : a < b
        }
        for index in order {
            let given = nodes[index].free.smaller(left)
            cut[index].free = given
            left = left.minusBounded(given)
        }
        return cut
    }

    /// `{"nodes":[…]}`: of each node the total is what the member holds and what it may still have; `used` is what it holds.
    public static func document(_ nodes: [Node]) -> JSON {
        [
            "nodes": .array(
                nodes.map { node in
                    var json: JSON = ["id": JSON(node.id), "state": "up"]
                    for field in node.facts.object?.fields ?? [] where !field.value.isNull { json[field.name] = field.value }
                    json["total"] = (node.free + node.held).json
                    json["used"] = node.held.json
                    return json
                })
        ]
    }

    /// The other side: what a capacity document leaves free, node by node, cut down to what we want to borrow at most.
    public static func cut(_ document: JSON, toAtMost limit: Limit) -> (document: JSON, free: Resources) {
        var nodes: [Node] = []
        var held = Resources.zero
        for json in document["nodes"]?.array ?? [] {
            guard let id = json["id"]?.string else { continue }
            let used = Resources(json["used"] ?? .null)
            var facts = json
            for name in ["id", "total", "used"] { facts[name] = nil }
            nodes.append(Node(id: id, facts: facts, free: Resources(json["total"] ?? .null).minusBounded(used), held: used))
            held += used
        }
        nodes = cut(nodes, to: limit.left(of: held))
        let free = nodes.reduce(Resources.zero) { $0 + $1.free }
        return (Offer.document(nodes), free)
    }
}
